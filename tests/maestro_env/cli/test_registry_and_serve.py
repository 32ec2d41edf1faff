"""`maestro registry check` and `maestro serve`."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from maestro_env.backends.endpoints.ping import ping
from maestro_env.cli import main
from maestro_env.connections import Endpoint

KEY = "sk-very-secret-0123"


class _Models(BaseHTTPRequestHandler):
    """Answers by path: `/good`, `/keyed`, `/other`, `/error`, `/odd`, `/away`."""

    seen: list[tuple[str, str]] = []  # noqa: RUF012 - one server, one test

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        kind = self.path.split("/")[1]
        body = json.dumps({"data": [{"id": "reader" if kind != "other" else "stranger"}]})
        status = {"error": 500, "away": 307}.get(kind, 200)
        if kind == "keyed" and self.headers.get("Authorization") != f"Bearer {KEY}":
            status = 401
        self.send_response(status)
        if kind == "away":
            self.send_header("Location", "/good/v1/models")
        self.end_headers()
        self.wfile.write((f"<html>{KEY}" if kind == "odd" else body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    _Models.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Models)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def registry_file(folder: Path, *endpoints: str) -> str:
    """Write a registry of one model at the first of some endpoints, and return its path."""
    text = '[[skill]]\nname = "Direct"\ndescription = "Asks once."\n'
    text += '[[model]]\nname = "reader"\ndescription = "Reads."\nendpoint = "e0"\nskills = ["Direct"]\n'
    for i, url in enumerate(endpoints):
        text += f'[[endpoint]]\nname = "e{i}"\nurl = "{url}"\n'
        text += 'api_key_env = "READER_KEY"\n' if "keyed" in url else ""
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return str(path)


def code_of(*argv: str) -> object:
    try:
        main(argv)
    except SystemExit as end:
        return end.code
    return 0


def test_check__a_good_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("registry", "check", "paper_extended") == 0
    said = capsys.readouterr().out
    assert said == "paper_extended: nothing wrong; 7 models, 10 skills, 70 experts, 4 services.\n"


def test_check__a_broken_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = registry_file(tmp_path, "127.0.0.1:1")
    Path(path).write_text(Path(path).read_text().replace('description = "Reads."\n', ""))
    assert code_of("registry", "check", path) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{path}: line 4: model 'reader', key 'description': It is missing;")
    assert lines[1].startswith(f"{path}: line 10: endpoint 'e0', key 'url': Given '127.0.0.1:1'; expected an address")
    assert lines[2:] == ["2 problems."]


def test_check__no_such_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert code_of("registry", "check", "papr") == 2
    assert "Unknown registry 'papr'. Did you mean 'paper'" in capsys.readouterr().err
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe")
    assert code_of("registry", "check", str(tmp_path / "odd.toml")) == 2
    assert "is not UTF-8" in capsys.readouterr().err


def test_ping__an_endpoint_that_serves_the_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READER_KEY", KEY)
    path = registry_file(tmp_path, f"{address}/keyed/v1", f"{address}/good/v1")
    assert code_of("registry", "check", path, "--ping") == 0
    said = capsys.readouterr().out
    assert "e0: answers, and serves reader\n" in said
    assert "e1: answers, and serves nothing that is asked of it\n" in said
    assert sorted(_Models.seen) == [("/good/v1/models", ""), ("/keyed/v1/models", f"Bearer {KEY}")]
    assert KEY not in said


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("other", "e0: answers, but does not serve reader; it serves stranger"),
        ("error", "e0: it answered with HTTP status 500"),
        ("away", "e0: it answered with HTTP status 307"),
        ("odd", "e0: it answered something else than a list of models"),
        ("keyed", "e0: it answered with HTTP status 401"),
    ],
)
def test_ping__an_endpoint_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    says: str,
) -> None:
    monkeypatch.setenv("READER_KEY", "another")
    assert code_of("registry", "check", registry_file(tmp_path, f"{address}/{kind}/v1"), "--ping") == 1
    said = capsys.readouterr().out
    assert f"{says}\n1 of 1 endpoints cannot be used.\n" in said
    assert KEY not in said


def test_ping__nobody_there_and_no_key(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("READER_KEY", raising=False)
    gone, keyless = ping(
        [
            Endpoint(name="gone", url="http://127.0.0.1:9/v1"),
            Endpoint(name="keyless", url=f"{address}/keyed/v1", api_key_env="READER_KEY"),
        ]
    )
    assert (gone.served, gone.detail) == (None, "it could not be reached (ConnectionRefusedError)")
    assert keyless.served is None
    assert "READER_KEY, which is not set" in keyless.detail
    assert _Models.seen == []


def test_ping__nothing_to_ask() -> None:
    assert ping([]) == []


SERVERS = '[[server]]\nendpoint = "e0"\nweights = "w"\n[[server]]\nendpoint = "e1"\nweights = "v"\nmemory_share = 0.1\n'


@pytest.fixture
def served(tmp_path: Path) -> str:
    path = registry_file(tmp_path, "http://127.0.0.1:8001/v1", "http://127.0.0.1:8002/v1")
    Path(path).write_text(Path(path).read_text() + SERVERS)
    return path


def test_serve__prints_the_commands(capsys: pytest.CaptureFixture[str], served: str) -> None:
    assert code_of("serve", served) == 0
    assert capsys.readouterr().out.splitlines() == [
        "CUDA_VISIBLE_DEVICES=0 vllm serve w --host 127.0.0.1 --port 8001 --served-model-name reader "
        "--gpu-memory-utilization 0.9",
        "CUDA_VISIBLE_DEVICES=0 vllm serve v --host 127.0.0.1 --port 8002 --gpu-memory-utilization 0.1",
    ]
    assert code_of("serve", served, "--only", "e1") == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert code_of("serve", served, "--only", "e3") == 2
    assert "No server is listed for the endpoints ['e3']; expected some of ['e0', 'e1']" in capsys.readouterr().err


STAND_IN = """
import os, sys, time
port = sys.argv[sys.argv.index("--port") + 1]
weights = sys.argv[sys.argv.index("--model") + 1]
open(f"{weights}-{port}-{os.environ['CUDA_VISIBLE_DEVICES']}", "w").write(str(os.getpid()))
if port == "8002":
    while not os.path.exists(f"w-8001-0"):
        time.sleep(0.01)
    sys.exit(7)
time.sleep(600)
"""


def test_serve__starts_them_and_ends_all_when_one_ends(
    capfd: pytest.CaptureFixture[str], served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    assert code_of("serve", served, "--start", "--program", f"{sys.executable} stand_in.py") == 2
    written = capfd.readouterr()
    assert "The server of endpoint 'e1' ended with status 7" in written.err
    assert "Ended 2 servers." in written.out
    pid = int((tmp_path / "w-8001-0").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_serve__a_program_that_is_not_there(capsys: pytest.CaptureFixture[str], served: str) -> None:
    assert code_of("serve", served, "--start", "--program", "no-such-program serve") == 2
    assert "'no-such-program' cannot be started (No such file or directory); install vLLM" in capsys.readouterr().err
