"""Answers calls with models behind OpenAI-compatible servers: vLLM, llama.cpp, or a paid API.

How a request is made, retried and paid for is in `endpoints/`; what skills ask is in `skills/prompted/`.
"""

import json
import weakref
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from threading import Lock

from maestro_env.backends.cache import Cache
from maestro_env.backends.endpoints.background import BackgroundLoop
from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.backends.endpoints.caller import Caller
from maestro_env.connections import Connections, load_connections
from maestro_env.types import Context, Expert, Reply, Task


class OpenAIBackend:
    """Calls experts behind endpoints; threads may call at the same time, and their calls overlap.

    Nothing is connected before the first call. Connections are closed by `close`, else when nobody holds the backend
    any more, or the program ends. Whoever has an event loop uses `endpoints.caller.Caller` instead.

    Args:
        connections: Where models and services are served: a registry file, a shipped registry's name, or what was read
            from one.
        budget: What all calls may cost; without limits by default.
        cache: Keeps completions, or the path of the file that does; None asks every time.

    Raises:
        UnknownNameError: Neither a shipped registry nor an existing file.
        RegistryError: The file cannot be understood.
        MissingExtraError: aiohttp is not installed.
    """

    def __init__(
        self,
        connections: Connections | str | Path,
        *,
        budget: Budget | None = None,
        cache: Cache | str | Path | None = None,
    ) -> None:
        self.connections = connections if isinstance(connections, Connections) else load_connections(connections)
        self.purse = Purse(budget or Budget())
        self._cache = Cache(Path(cache)) if isinstance(cache, str | Path) else cache
        self._loop: BackgroundLoop | None = None
        self._caller: Caller | None = None
        self._closing: weakref.finalize[[BackgroundLoop, Caller], OpenAIBackend] | None = None
        self._lock = Lock()

    @property
    def fingerprint(self) -> str:
        """What replies depend on besides the call, for `CachedBackend`."""
        return json.dumps(asdict(self.connections.sampling), sort_keys=True)

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        """Return what an expert replies to a task in a context.

        Raises:
            UnknownNameError: The expert's skill, a service it uses, or the endpoint of its model is not known.
            ConfigurationError: The key of an endpoint that is asked is not in the environment.
            TaskError: A picture cannot be loaded.
        """
        loop, caller = self._started()
        return loop.run(caller.call(task, context, expert))

    def cancel(self) -> None:
        """Give up every call that is under way: each returns with the status `cancelled`."""
        with self._lock:
            if self._loop is not None and self._caller is not None:
                self._loop.run(_cancel(self._caller))

    def close(self) -> None:
        """Give up what is under way, and close all connections; a later call opens them again."""
        with self._lock:
            if self._closing is not None:
                self._closing()
            self._loop = self._caller = self._closing = None

    def _started(self) -> tuple[BackgroundLoop, Caller]:
        with self._lock:
            if self._loop is None or self._caller is None:
                loop = BackgroundLoop()
                with ExitStack() as undo:
                    undo.callback(loop.close)
                    caller = loop.run(_make_caller(self.connections, self.purse, self._cache))
                    undo.pop_all()
                self._loop, self._caller = loop, caller
                self._closing = weakref.finalize(self, _close, loop, caller)
            return self._loop, self._caller


async def _make_caller(connections: Connections, purse: Purse, cache: Cache | None) -> Caller:
    return Caller(connections, purse=purse, cache=cache)


async def _cancel(caller: Caller) -> None:
    caller.cancel()


def _close(loop: BackgroundLoop, caller: Caller) -> None:
    loop.close(caller.close())
