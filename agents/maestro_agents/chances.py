"""How likely each expert is right: a small network from features to one probability an expert. What follows: rules.

It is fitted with torch and then kept as plain arrays, so that using it costs two small matrix products.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.chances needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error

_BATCH = 512
"""Rows in a gradient step: large enough that one step costs little more than a small one."""


@dataclass(frozen=True, kw_only=True)
class Chances:
    """A network of one hidden layer; F features in, H hidden units, P probabilities out."""

    first_weight: NDArray[np.float32]
    """[F, H]"""
    first_bias: NDArray[np.float32]
    """[H]"""
    last_weight: NDArray[np.float32]
    """[H, P]"""
    last_bias: NDArray[np.float32]
    """[P]"""

    def of(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [..., P] probabilities for [..., F] features."""
        logits = self.hidden(features) @ self.last_weight + self.last_bias
        return (1 / (1 + np.exp(-logits))).astype(np.float32)

    def hidden(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [..., H] the hidden layer for [..., F] features."""
        return np.maximum(features @ self.first_weight + self.first_bias, 0)

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the weights by name, to be saved."""
        return {f"{prefix}_{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str) -> Self:
        """Return the network whose `arrays` these are."""
        return cls(**{name: arrays[f"{prefix}_{name}"] for name in cls.__dataclass_fields__})


def fit_chances(
    features: NDArray[np.float32],
    right: NDArray[np.float32],
    known: NDArray[np.bool_],
    *,
    seed: int,
    hidden: int = 64,
    steps: int = 1500,
    learning_rate: float = 3e-3,
    weight_decay: float = 3e-2,
) -> Chances:
    """Fit by cross-entropy with AdamW, on batches of rows drawn with replacement, the step size falling to 0.

    Args:
        features: [m, F], entries of about unit variance.
        right: [m, P] scores in [0, 1].
        known: [m, P] False where there is no score to learn from.
        seed: Of the first weights and the order of the rows.
        hidden: H.
        steps: Gradient steps.
        learning_rate: At the start.
        weight_decay: AdamW's.
    """
    torch.set_num_threads(1)  # too small to gain from more
    generator = torch.Generator().manual_seed(seed)
    inputs, targets = torch.from_numpy(features), torch.from_numpy(right.astype(np.float32))
    weights = torch.from_numpy(known.astype(np.float32))
    rows, width = inputs.shape

    def start(*shape: int) -> torch.Tensor:
        return (torch.randn(*shape, generator=generator) * (2 / shape[0]) ** 0.5).requires_grad_()

    layers = [start(width, hidden), torch.zeros(hidden, requires_grad=True)]
    layers += [start(hidden, targets.shape[1]), torch.zeros(targets.shape[1], requires_grad=True)]
    optimizer = torch.optim.AdamW(layers, lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        chosen = torch.randint(rows, (_BATCH,), generator=generator)
        logits = torch.relu(inputs[chosen] @ layers[0] + layers[1]) @ layers[2] + layers[3]
        losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets[chosen], reduction="none")
        loss = (losses * weights[chosen]).sum() / weights[chosen].sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    arrays = [layer.detach().numpy().copy() for layer in layers]
    return Chances(first_weight=arrays[0], first_bias=arrays[1], last_weight=arrays[2], last_bias=arrays[3])
