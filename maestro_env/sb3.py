"""A Stable-Baselines3 `VecEnv` over `MaestroVectorEnv`: many episodes, one look-up a step, masks for MaskablePPO."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from maestro_env.errors import ConfigurationError, MissingExtraError
from maestro_env.types import OUTCOMES, Outcome
from maestro_env.vector import Advance, MaestroVectorEnv

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise MissingExtraError(
        f"maestro_env.sb3 needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error

_CORRECT = OUTCOMES.index(Outcome.CORRECT)


class MaestroVecEnv(VecEnv):
    """What SB3's algorithms, `VecNormalize`, `VecMonitor` and `evaluate_policy` train on and play.

    An episode that ends is followed by the next in the same step. Infos are built only for those that end:
    `terminal_observation`, `TimeLimit.truncated` (no answer, because calls failed: learners bootstrap instead of
    learning a false zero), `is_success` (which SB3 logs as its success rate), and `MaestroEnv`'s `task_id`,
    `benchmark`, `outcome`, `answer` and `gold`. The others hold nothing.

    Example:
        >>> import gymnasium as gym
        >>> import maestro_env
        >>> from maestro_env.sb3 import MaestroVecEnv
        >>> envs = MaestroVecEnv(gym.make_vec("Maestro-v0", 8, autoreset_mode="SameStep"))
        >>> observation = envs.reset()
    """

    def __init__(self, env: gym.vector.VectorEnv[Any, Any, Any]) -> None:
        """Take over an environment.

        Args:
            env: A `MaestroVectorEnv` with `autoreset_mode="SameStep"`, not wrapped.

        Raises:
            ConfigurationError: Another environment, or another mode.
        """
        if not isinstance(env, MaestroVectorEnv) or env.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ConfigurationError(
                f"MaestroVecEnv got {env!r}; give it MaestroVectorEnv(..., autoreset_mode='SameStep')."
            )
        self.env = env
        self._actions: Any = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.metadata = env.metadata

    def reset(self) -> dict[str, NDArray[Any]]:
        """Start new episodes, with the seeds and options that were set for this reset."""
        observation, _ = self.env.reset(seed=self._seeds)
        for row, options in enumerate(self._options):
            if options:
                only = np.arange(self.num_envs) == row
                observation, _ = self.env.reset(options={**options, "reset_mask": only})
        self._reset_seeds()
        self._reset_options()
        return observation

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Take the actions; returns observations, rewards, dones and infos."""
        moved = self.env.advance(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if len(moved.ended):
            self._tell(infos, moved)
        done = moved.terminated | moved.truncated
        return self.env.observe(moved.now), moved.rewards.astype(np.float32), done, infos

    def _tell(self, infos: list[dict[str, Any]], moved: Advance) -> None:
        """Fill in the infos of episodes that ended."""
        last, told = self.env.observe(moved.last), self.env.told_at_end(moved)
        success = moved.endings.outcome == _CORRECT
        for place, row in enumerate(moved.ended.tolist()):
            infos[row] = {name: values[place] for name, values in told.items()} | {
                "terminal_observation": {name: values[place] for name, values in last.items()},
                "TimeLimit.truncated": bool(moved.truncated[row]),
                "is_success": bool(success[place]),
            }

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_images(self) -> Sequence[NDArray[np.uint8]]:
        """Return what each environment's `render` shows."""
        return self.env.render() or ()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the environment, once for each index."""
        value = getattr(self.env, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: the environments of a batch share what they are made of.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            f"Cannot set {attr_name!r} of single environments of a batch; make a new MaestroVectorEnv with it."
        )

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method that returns something for each environment, such as `action_masks`, and return its rows."""
        method: Callable[..., Any] = getattr(self.env, method_name)
        rows = method(*args, **kwargs)
        return [rows[index] for index in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Any = None) -> list[bool]:
        """Say no: there are no single environments to wrap."""
        del wrapper_class
        return [False for _ in self._get_indices(indices)]
