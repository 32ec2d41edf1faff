"""The commands that serve a registry file."""

from pathlib import Path

import pytest

from maestro_env.errors import RegistryError, UnknownNameError
from maestro_env.registry import load_registry
from maestro_env.serving import Server, load_servers, parse_servers, serve_commands

MINE = """
[[skill]]
name = "Direct"
description = "Asks once."

[[model]]
name = "reader"
description = "Reads."
endpoint = "gpu"
served_name = "org/reader-8b"
skills = ["Direct"]

[[service]]
name = "ocr"
description = "Reads text."
endpoint = "gpu"

[[endpoint]]
name = "gpu"
url = "http://localhost:8123/v1"

[[server]]
endpoint = "gpu"
weights = "weights of mine"
accelerator = 3
memory_share = 0.25
options = ["--max-model-len", "8192"]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, "utf-8")
    return path


def test_serve_commands__port_names_share_and_options(mine: Path) -> None:
    (command,) = serve_commands(mine)
    assert command.line == (
        "CUDA_VISIBLE_DEVICES=3 vllm serve 'weights of mine' --host localhost --port 8123 "
        "--served-model-name org/reader-8b ocr --gpu-memory-utilization 0.25 --max-model-len 8192"
    )
    assert command.environment == {"CUDA_VISIBLE_DEVICES": "3"}


def test_serve_commands__by_another_program(mine: Path) -> None:
    (command,) = serve_commands(mine, program=("python", "-m", "server"))
    # vLLM's module takes no notice of weights that stand alone, and serves a model of its own choice.
    assert command.words[:5] == ("python", "-m", "server", "--model", "weights of mine")
    (command,) = serve_commands(mine, program=("env", "vllm", "serve"))
    assert command.words[:4] == ("env", "vllm", "serve", "weights of mine")


PORTS = {
    "Chart-R1": 2364, "GLM-4.6V-Flash": 2376, "qwen3-VL-8B-Instruct": 2362, "Intern-S1-mini": 2368,
    "medgemma-1.5-4b-it": 2369, "DeepEyes-7B": 2370, "PR1-Qwen2.5-VL-3B-Detection": 2389, "GLM-OCR": 2388,
    "Qwen3.5-9B": 2381, "Step3-VL-10B": 2382,
}  # fmt: skip
"""The paper's: what each port serves."""


def test_serve_commands__the_paper_at_its_ports() -> None:
    found = {}
    for command in serve_commands("paper_extended"):
        words = command.words
        found[words[words.index("--served-model-name") + 1]] = int(words[words.index("--port") + 1])
    assert found == PORTS


@pytest.mark.parametrize("name", ["paper", "paper_extended"])
def test_servers__shares_of_an_accelerator_fit(name: str) -> None:
    shares: dict[int, float] = {}
    for server in load_servers(name):
        shares[server.accelerator] = shares.get(server.accelerator, 0.0) + server.memory_share
    assert all(share <= 0.97 for share in shares.values()), shares


def test_servers__of_a_file_take_the_place_of_those_it_extends() -> None:
    text = 'extends = "paper"\n[[server]]\nendpoint = "chart-r1"\nweights = "mine"\n'
    servers = parse_servers(text, name="r")
    assert len(servers) == len(load_servers("paper"))
    assert servers[0] == Server(endpoint="chart-r1", weights="mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[server", "not valid TOML"),
        ('[[server]]\nendpoint = "a"\nwaits = "b"', r"server of endpoint 'a': Unknown key 'waits'.*weights"),
        ('[[server]]\nendpoint = "a"', r"server of endpoint 'a'.*weights.*expected the keys"),
    ],
)
def test_parse_servers__says_where_and_why(text: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        parse_servers(text, name="r")


def test_serve_commands__without_servers(mine: Path) -> None:
    mine.write_text(MINE[: MINE.index("[[server]]")], "utf-8")
    with pytest.raises(RegistryError, match=r"'mine' lists no servers; give it \[\[server\]\] tables"):
        serve_commands(mine)
    assert len(load_registry(mine)) == 1


def test_serve_commands__an_unknown_endpoint(mine: Path) -> None:
    mine.write_text(MINE.replace('endpoint = "gpu"\nweights', 'endpoint = "gpus"\nweights'), "utf-8")
    with pytest.raises(UnknownNameError, match=r"endpoint of a server 'gpus'. Did you mean 'gpu'"):
        serve_commands(mine)


def test_load_servers__unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown registry 'papr'\. Did you mean 'paper'"):
        load_servers("papr")
