"""A vector environment for live backends: what experts are called in one step is called at the same time."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from maestro_env import arguments
from maestro_env.backends.base import Backend, close_backend
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError

MAX_THREADS = 256
"""Calls that wait for a backend at once. A thread that waits is cheap; what servers take is limited by endpoint."""


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
        # One for all: connections, the limits of endpoints and a budget are shared, and so is what is loaded.
        self._own_backend: Backend | None = None
        if kwargs.get("backend") == "openai":
            self._own_backend = kwargs["backend"] = arguments.to_backend("openai", registry=kwargs.get("registry"))
        if kwargs.get("tasks") is not None:
            played = arguments.to_played(
                kwargs.pop("recording", "embedded"), kwargs.get("registry"), tasks=kwargs.pop("tasks"), is_live=True
            )
            kwargs |= {"recording": played.recording, "registry": played.registry}
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
        if self._own_backend is not None:
            close_backend(self._own_backend)
