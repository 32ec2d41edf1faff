"""The network of PointerPPO: it points at experts, and no weight depends on how many there are. Learning is elsewhere.

Every expert is read by the same layers, from what is known of it and what it has said. What was read of all is pooled;
STOP is scored, and the state valued, from that.

How we differ from O. Vinyals et al.: pointing is at actions, by a score each instead of attention; there is no sequence
network, since the environment holds the state.

Source: O. Vinyals et al., Pointer Networks (2015), https://arxiv.org/abs/1506.03134; M. Zaheer et al., Deep Sets
(2017), https://arxiv.org/abs/1703.06114.

Axes: n observations, P experts, K numbers known of an expert, F features of its replies, H hidden units.
"""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from gymnasium import spaces

from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.errors import MissingExtraError

try:
    import torch
    from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.pointer_network needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error

_BUDGET = 2
"""Numbers that tell what is left of turns and money."""


class PointerPolicy(MaskableMultiInputActorCriticPolicy):
    """What MaskablePPO trains; the observation's `view` is what is known of the experts, [P * K]."""

    def __init__(self, *args: Any, hidden: int, **kwargs: Any) -> None:
        """Take what MaskablePPO gives its policies.

        Args:
            args: Spaces and step size.
            hidden: H.
            kwargs: Anything else.
        """
        self._hidden = hidden
        super().__init__(*args, features_extractor_class=_Candidates, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        num_experts = cast("spaces.Discrete", self.action_space).n - 1
        width = (self.features_dim - _BUDGET) // int(num_experts)
        self.mlp_extractor = _Pointer(width, self._hidden)  # type: ignore[assignment]
        self.action_net = torch.nn.Identity()
        self.value_net = torch.nn.Linear(self._hidden, 1)
        optimizer = cast(Any, self.optimizer_class)
        self.optimizer = optimizer(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


class _Candidates(BaseFeaturesExtractor):
    """For each expert what is known of it and what it said, and the budget: [n, P * (K + F) + 2]."""

    def __init__(self, observation_space: spaces.Dict) -> None:
        known, said = (int(np.prod(observation_space[name].shape or ())) for name in ("view", "experts"))
        self.num_experts = said // len(EXPERT_FEATURES)
        super().__init__(observation_space, known + said + _BUDGET)

    def forward(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        size = len(observations["budget"])
        parts = [observations[name].reshape(size, self.num_experts, -1) for name in ("view", "experts")]
        return torch.cat([torch.cat(parts, dim=2).flatten(start_dim=1), observations["budget"]], dim=1)


class _Pool(torch.nn.Module):
    """Reads every expert by the same layers, and pools what it read: the mean and the largest of each unit."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.width = width
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(width + _BUDGET, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, hidden), torch.nn.ReLU()
        )

    def forward(self, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return [n, P, H] of each expert and [n, 2 H] of all, from [n, P * (K + F) + 2]."""
        experts = candidates[:, :-_BUDGET].reshape(len(candidates), -1, self.width)
        budget = candidates[:, None, -_BUDGET:].expand(-1, experts.shape[1], -1)
        read = self.layers(torch.cat([experts, budget], dim=2))
        return read, torch.cat([read.mean(dim=1), read.amax(dim=1)], dim=1)


class _Pointer(torch.nn.Module):
    """Scores of STOP and of every expert, and what the state's value is read from."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.latent_dim_vf = hidden
        self.pool, self.value_pool = _Pool(width, hidden), _Pool(width, hidden)
        self.own, self.all = torch.nn.Linear(hidden, hidden), torch.nn.Linear(2 * hidden, hidden)
        self.score = torch.nn.Linear(hidden, 1)
        self.stop = torch.nn.Sequential(
            torch.nn.Linear(2 * hidden, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1)
        )
        self.value = torch.nn.Sequential(torch.nn.Linear(2 * hidden, hidden), torch.nn.ReLU())

    def forward(self, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(candidates), self.forward_critic(candidates)

    def forward_actor(self, candidates: torch.Tensor) -> torch.Tensor:
        """Return [n, 1 + P] logits."""
        read, pooled = self.pool(candidates)
        scores = self.score(torch.relu(self.own(read) + self.all(pooled)[:, None])).squeeze(2)
        return torch.cat([self.stop(pooled), scores], dim=1)

    def forward_critic(self, candidates: torch.Tensor) -> torch.Tensor:
        """Return [n, H]."""
        return self.value(self.value_pool(candidates)[1])
