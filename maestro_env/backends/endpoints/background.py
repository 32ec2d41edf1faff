"""An event loop in a thread of its own, so that code which waits can use code which does not."""

import asyncio
from collections.abc import Coroutine
from threading import Thread, current_thread
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_LONGEST_END_S = 5.0
"""What was given up by the last coroutine ends within moments; nothing may keep a program from ending."""


class BackgroundLoop:
    """Runs coroutines for any thread until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._serve, name="maestro-endpoints", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Return what a coroutine returns; it is cancelled if the wait for it is interrupted."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def close(self, last: Coroutine[Any, Any, None] | None = None) -> None:
        """Run a last coroutine, stop the loop, and wait for its thread, unless this is that thread.

        It may be: garbage is collected in whichever thread is running.
        """
        asyncio.run_coroutine_threadsafe(self._end(last), self._loop)
        if current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _end(self, last: Coroutine[Any, Any, None] | None) -> None:
        try:
            if last is not None:
                await last
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:  # whoever waits for them in another thread is to hear how they ended
                await asyncio.wait(others, timeout=_LONGEST_END_S)
        finally:
            self._loop.call_soon(self._loop.stop)
