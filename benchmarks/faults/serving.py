"""The fault server in a process of its own, so that its work is not taken for the client's."""

import multiprocessing
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from maestro_env.fault_server import FaultServer, Journal


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteServer:
    """A running server."""

    url: str
    pipe: Connection

    def journal(self) -> Journal:
        """Return what it has seen so far."""
        self.pipe.send("journal")
        return self.pipe.recv()


@contextmanager
def running_server(*, delay_s: float) -> Generator[RemoteServer]:
    """Run a server for as long as the context lasts.

    Args:
        delay_s: How long an answer takes.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, delay_s), daemon=True)
    process.start()
    try:
        yield RemoteServer(url=ours.recv(), pipe=ours)
        ours.send("stop")
        process.join()
    finally:
        process.terminate()


def _serve(pipe: Connection, delay_s: float) -> None:
    with FaultServer(delay_s=delay_s) as server:
        pipe.send(server.url)
        while pipe.recv() == "journal":
            pipe.send(server.journal)
