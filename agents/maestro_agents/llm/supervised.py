"""Learning to write what traces hold: cross-entropy on the policy's tokens alone. Pure torch; sft.py is the command.

Axes: B episodes, T tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from maestro_agents.llm.pictures import PictureProcessor
from maestro_agents.llm.rollout import Rollout
from maestro_env.errors import ConfigurationError, MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.supervised needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How to fit.

    Raises:
        ConfigurationError: A number that has no meaning.
    """

    epochs: int
    batch_size: int
    lr: float
    """At the start; it falls linearly to 0."""
    max_grad_norm: float
    weight_decay: float
    seed: int
    """Of the order of traces."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "lr", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name}={getattr(self, name)!r} must be above 0.")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Episodes side by side, filled up on the right."""

    ids_BT: torch.Tensor
    attend_BT: torch.Tensor
    """1 on tokens, 0 on filling."""
    policy_BT: torch.Tensor
    """1 on tokens that the policy wrote."""
    shown: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    """What `PictureProcessor.inputs` returns; nothing without pictures."""


def to_batch(
    rollouts: Sequence[Rollout], *, pad_id: int, device: Any = "cpu", pictures: PictureProcessor | None = None
) -> Batch:
    """Return episodes as tensors.

    Args:
        rollouts: The episodes.
        pad_id: Of the tokeniser.
        device: Where the tensors are to be.
        pictures: Of a model that can see.

    Raises:
        TaskError: A picture cannot be drawn or read.
    """
    rows = [[*each.prompt_ids, *each.completion_ids] for each in rollouts]
    owned = [[False] * len(each.prompt_ids) + [*each.policy_mask] for each in rollouts]
    width = max(map(len, rows))
    ids_BT = torch.tensor([row + [pad_id] * (width - len(row)) for row in rows], device=device)
    return Batch(
        ids_BT=ids_BT,
        attend_BT=torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device),
        policy_BT=torch.tensor([row + [False] * (width - len(row)) for row in owned], device=device).long(),
        shown={} if pictures is None else pictures.inputs(ids_BT, [each.views for each in rollouts]),
    )


def cross_entropy(logits_BTV: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the mean negative log-probability of the policy's tokens; all others play no part.

    Args:
        logits_BTV: Of the token after each.
        batch: The tokens.
    """
    targets = batch.ids_BT[:, 1:].masked_fill(batch.policy_BT[:, 1:] == 0, -100)
    return torch.nn.functional.cross_entropy(logits_BTV[:, :-1].flatten(0, 1).float(), targets.flatten())


def fit(
    model: Any,
    rollouts: Sequence[Rollout],
    settings: Fit,
    *,
    pad_id: int,
    pictures: PictureProcessor | None = None,
    report: Callable[[int, int, float], None] | None = None,
) -> list[float]:
    """Train a model's trainable weights on traces, and return the loss of every step.

    Args:
        model: A causal language model.
        rollouts: The traces, replayed.
        settings: How.
        pad_id: Of the tokeniser.
        pictures: Of a model that can see.
        report: Is told the step, how many there are, and the loss.

    Raises:
        ConfigurationError: There is no trace.
        TaskError: A picture cannot be drawn or read.
    """
    if not rollouts:
        raise ConfigurationError("There is no trace to learn from; ask for more tasks, or another source of traces.")
    rng = np.random.default_rng(settings.seed)
    steps_an_epoch = -(-len(rollouts) // settings.batch_size)
    num_steps = settings.epochs * steps_an_epoch
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / num_steps)
    losses: list[float] = []
    model.train()
    for _ in range(settings.epochs):
        order: list[int] = rng.permutation(len(rollouts)).tolist()
        for first in range(0, len(order), settings.batch_size):
            chosen = [rollouts[place] for place in order[first : first + settings.batch_size]]
            batch = to_batch(chosen, pad_id=pad_id, device=model.device, pictures=pictures)
            logits_BTV = model(input_ids=batch.ids_BT, attention_mask=batch.attend_BT, **batch.shown).logits
            loss = cross_entropy(logits_BTV, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, settings.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if report is not None:
                report(len(losses), num_steps, losses[-1])
    model.eval()
    return losses
