"""What is handed to a vector environment for all its episodes at once: each is checked here before anything changes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maestro_env.batch import Batch
from maestro_env.errors import ActionError
from maestro_env.registry import Registry


def checked_actions(actions: Any, batch: Batch, registry: Registry, *, strict: bool) -> NDArray[np.int64]:
    """Return [B] actions as int64.

    Args:
        actions: What was given.
        batch: Where the B episodes stand.
        registry: What the actions name.
        strict: Whether masked actions are refused.

    Raises:
        ActionError: They are no integers, not one an episode, or outside the action space; or `strict` and masked.
    """
    given = np.asarray(actions)
    size = len(batch.task)
    if given.dtype.kind not in "iu" or given.shape != (size,):
        raise ActionError(f"Actions of dtype {given.dtype} and shape {given.shape}; expected {size} integers.")
    action = given.astype(np.int64, copy=False)
    if action.min() < 0 or action.max() > len(registry):
        wrong = int(np.flatnonzero((action < 0) | (action > len(registry)))[0])
        raise ActionError(
            f"Action {action[wrong]} of environment {wrong} is outside the action space; expected 0 (STOP) to "
            f"{len(registry)}."
        )
    if strict:
        masked = np.flatnonzero(~batch.ended & (batch.mask[np.arange(size), action] == 0))
        if len(masked):
            raise ActionError(
                f"Actions {action[masked].tolist()} of environments {masked.tolist()} are masked: those experts were "
                "already called in these contexts, or their calls there were not recorded. STOP (0) is legal."
            )
    return action


def rows_to_reset(mask: Any, num_envs: int) -> NDArray[np.int64]:
    """Return which environments a reset is about: all without a mask.

    Raises:
        ValueError: The mask is not `num_envs` booleans, or none of them is True.
    """
    if mask is None:
        return np.arange(num_envs)
    given = np.asarray(mask)
    if given.shape != (num_envs,) or given.dtype != np.bool_ or not given.any():
        raise ValueError(
            f"options['reset_mask'] of dtype {given.dtype} and shape {given.shape} with {np.count_nonzero(given)} set; "
            f"expected {num_envs} booleans, at least one of them True."
        )
    return np.flatnonzero(given)


def seeds_of(seed: int | Sequence[int | None] | None, count: int) -> list[int | None]:
    """Return the seed of each of `count` environments: an integer counts up, a list says each, None goes on.

    Raises:
        ValueError: A list of another length.
    """
    if seed is None:
        return [None] * count
    if isinstance(seed, int | np.integer):
        return [int(seed) + i for i in range(count)]
    if len(seed) != count:
        raise ValueError(f"{len(seed)} seeds were given for {count} environments; give one each, or one integer.")
    return [None if each is None else int(each) for each in seed]
