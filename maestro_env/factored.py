"""The factored action space: stop or invoke, which model, which skill, each chosen on its own."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from maestro_env.env import NO_EXPERT, MaestroEnv, Observation
from maestro_env.errors import ActionError
from maestro_env.registry import STOP


class FactoredActions(gym.Wrapper[Observation, Any, Observation, Any]):
    """`MultiDiscrete([2, M, K])`: (0 stop or 1 invoke, model, skill), in the registry's order of models and skills.

    With stop, model and skill are not looked at. A model and skill that are no expert count as a masked action.
    Observations and infos are those of the environment: `action_mask` speaks of experts.
    """

    def __init__(self, env: gym.Env[Observation, Any]) -> None:
        super().__init__(env)
        base = env.unwrapped
        if not isinstance(base, MaestroEnv):
            raise ActionError(f"FactoredActions wraps a MaestroEnv, not a {type(base).__name__}.")
        self._base = base
        models = [model.name for model in base.registry.models]
        skills = [skill.name for skill in base.registry.skills]
        self._model_of = np.array([models.index(expert.model.name) for expert in base.registry.experts])
        self._skill_of = np.array([skills.index(expert.skill.name) for expert in base.registry.experts])
        self._action_of = {
            (int(m), int(k)): 1 + i for i, (m, k) in enumerate(zip(self._model_of, self._skill_of, strict=True))
        }
        self._sizes = (2, len(models), len(skills))
        self.action_space = spaces.MultiDiscrete(list(self._sizes))

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Take a factored action.

        Raises:
            ActionError: It is outside the action space; and as `MaestroEnv.step` does.
        """
        factors = np.asarray(action)
        whole = factors.shape == (3,) and factors.dtype.kind in "iu"
        if not whole or not all(0 <= int(factor) < size for factor, size in zip(factors, self._sizes, strict=True)):
            raise ActionError(
                f"Action {action!r} is outside the action space; expected three integers (stop or invoke, model, "
                f"skill) below {self._sizes}."
            )
        invoke, model, skill = (int(factor) for factor in factors)
        return self.env.step(self._action_of.get((model, skill), NO_EXPERT) if invoke else STOP)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return [2 + M + K] which factors have a legal expert, one after the other, as MaskablePPO asks for it.

        A model and a skill that are each legal may still be masked as a pair: factored masks cannot say so.
        """
        legal = self._base.action_masks()[1:]
        models = np.bincount(self._model_of[legal], minlength=self._sizes[1]) > 0
        skills = np.bincount(self._skill_of[legal], minlength=self._sizes[2]) > 0
        stop_or_invoke = np.array([True, bool(legal.any())])
        return np.concatenate([stop_or_invoke, models | ~legal.any(), skills | ~legal.any()])
