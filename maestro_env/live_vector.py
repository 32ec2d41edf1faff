"""A vector environment for live backends: what experts are called in one step is called at the same time."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError

MAX_THREADS = 64
"""Calls that wait for a backend at once; more would be more than most servers take."""


class ConcurrentVectorEnv(SyncVectorEnv):
    """`SyncVectorEnv` over live `MaestroEnv`s: a step takes as long as its slowest call, not as all of them together.

    If a call raises, the error is raised once all others are back. Their replies are kept: the same step again repeats
    none of them.
    """

    def __init__(
        self, num_envs: int = 1, *, autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP, **kwargs: Any
    ) -> None:
        """Make the environments.

        Args:
            num_envs: How many.
            autoreset_mode: When an episode that ended is followed by the next.
            kwargs: As of `MaestroEnv`; a backend that is an object is shared and called from many threads.

        Raises:
            ConfigurationError: Fewer than one environment, or arguments of `MaestroEnv` that have no meaning.
        """
        if num_envs < 1:
            raise ConfigurationError(f"num_envs={num_envs!r} must be at least 1.")
        self._threads = ThreadPoolExecutor(min(num_envs, MAX_THREADS), thread_name_prefix="maestro")
        super().__init__([lambda: MaestroEnv(**kwargs) for _ in range(num_envs)], autoreset_mode=autoreset_mode)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Take one action in each environment."""
        resets = self._autoreset_envs if self.autoreset_mode is AutoresetMode.NEXT_STEP else np.zeros(self.num_envs)
        waiting: list[Future[None]] = [
            self._threads.submit(cast("MaestroEnv", env).prepare, action)
            for env, action, resetting in zip(self.envs, actions, resets, strict=True)
            if not resetting
        ]
        errors = [error for future in waiting if (error := future.exception()) is not None]
        if errors:
            raise errors[0]
        return super().step(actions)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments and wait for the threads."""
        super().close_extras(**kwargs)
        self._threads.shutdown()
