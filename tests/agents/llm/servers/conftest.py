"""A server on this machine that answers as a test has it."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Reply = tuple[int, str] | None
"""Status and body; None closes the connection without a word."""


class Stub:
    """Answers with what `reply` returns, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[Any] = set()
        self.most_at_once = 0
        self.reply: Callable[[str, Any], Reply] = lambda path, body: (200, "{}")
        self.let_go = threading.Event()
        stub, at_once, lock = self, 0, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: Any) -> None:
                nonlocal at_once
                with lock:
                    at_once += 1
                    stub.most_at_once = max(stub.most_at_once, at_once)
                    stub.asked.append(body)
                    stub.headers.append(dict(self.headers))
                    stub.connections.add(self.client_address)
                reply = stub.reply(self.path, body)
                with lock:
                    at_once -= 1
                if reply is None:
                    self.close_connection = True
                    return
                status, words = reply
                self.send_response(status)
                self.send_header("Content-Length", str(len(words.encode())))
                self.end_headers()
                self.wfile.write(words.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Die: whoever connects is refused."""
        self.let_go.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def hang(self, path: str, body: Any) -> Reply:
        """Answer when the test is over."""
        self.let_go.wait(timeout=60)
        return None


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.stop()


@pytest.fixture
def server(stub: Stub) -> Iterator[Any]:
    from maestro_agents.llm.server import Patience, Server  # needs the extra openai; its tests are skipped without

    with Server(stub.base_url, patience=Patience(deadline_s=30, retries=2, first_pause_s=0)) as made:
        yield made
