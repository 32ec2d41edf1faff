"""The event loop in a thread of its own: it answers any thread, and ends whoever ends it."""

import asyncio
import threading

from maestro_env.backends.endpoints.background import BackgroundLoop


def started() -> tuple[BackgroundLoop, threading.Thread]:
    before = set(threading.enumerate())
    loop = BackgroundLoop()
    (thread,) = set(threading.enumerate()) - before
    return loop, thread


def test_run__returns_what_the_coroutine_does() -> None:
    loop, thread = started()

    async def where() -> threading.Thread:
        return threading.current_thread()

    assert loop.run(where()) is thread
    loop.close()
    assert not thread.is_alive()


def test_close__from_its_own_thread_waits_for_nothing() -> None:
    loop, thread = started()

    async def end() -> None:
        loop.close()

    loop.run(end())
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_close__runs_a_last_coroutine_and_whoever_waits_hears_of_it() -> None:
    loop, _ = started()
    given_up = asyncio.Event()

    async def waiting() -> str:
        await given_up.wait()
        return "given up"

    async def last() -> None:
        given_up.set()

    heard: list[str] = []
    waiter = threading.Thread(target=lambda: heard.append(loop.run(waiting())))
    waiter.start()
    loop.run(asyncio.sleep(0.05))
    loop.close(last())
    waiter.join(timeout=10)
    assert heard == ["given up"]
