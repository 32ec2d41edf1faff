"""The live half of a registry file: endpoints, services, sampling."""

import math
from pathlib import Path

import pytest

from maestro_env.connections import Connections, Endpoint, Sampling, load_connections, parse_connections
from maestro_env.errors import RegistryError, UnknownNameError
from maestro_env.recordings.manifest import registry_from_json, registry_to_json
from maestro_env.registry import load_registry
from maestro_env.types import Model

TEXT = """
[[endpoint]]
name = "local"
url = "http://127.0.0.1:8000/v1"
max_concurrent = 8

[[endpoint]]
name = "paid"
url = "https://api.example.org/v1"
api_key_env = "PAID_KEY"
max_calls_per_s = 2.5

[[service]]
name = "ocr"
description = "Reads text."
endpoint = "local"

[sampling]
temperature = 0.2
max_tokens = 100

[[skill]]
name = "Direct"
description = "Asks once."

[[model]]
name = "m"
description = "A model."
endpoint = "paid"
served_name = "org/m"
usd_per_million_prompt_tokens = 0.5
usd_per_million_completion_tokens = 1.5
skills = ["Direct"]
"""


def test_connections__of_a_file(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(TEXT)
    connections = load_connections(tmp_path / "r.toml")
    assert connections.endpoints["local"] == Endpoint(name="local", url="http://127.0.0.1:8000/v1", max_concurrent=8)
    assert connections.endpoints["paid"].max_calls_per_s == 2.5
    assert math.isinf(connections.endpoints["local"].max_calls_per_s)
    assert connections.services == {"ocr": Model(name="ocr", description="Reads text.", endpoint="local")}
    assert connections.sampling == Sampling(temperature=0.2, max_tokens=100)
    (model,) = load_registry(tmp_path / "r.toml").models
    assert connections.endpoint_of(model).name == "paid"
    assert connections.endpoint_of(connections.service("ocr")).name == "local"


def test_registry__with_endpoints_goes_into_a_manifest_and_back(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(TEXT)
    registry = load_registry(tmp_path / "r.toml")
    document = registry_to_json(registry)
    assert registry_from_json(document) == registry
    assert "example.org" not in str(document)  # where a model was served is nobody's business
    assert "endpoint" not in registry_to_json(load_registry("core"))["models"][0]


def test_connections__a_shipped_registry_has_none() -> None:
    assert load_connections("core") == Connections(endpoints={})


def test_connections__of_the_registry_that_a_file_extends() -> None:
    connections = parse_connections('extends = "core"\n' + TEXT, name="r")
    assert set(connections.endpoints) == {"local", "paid"}


def endpoint(line: str) -> str:
    return f'[[endpoint]]\nname = "e"\nurl = "http://x/v1"\n{line}\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[endpoint]", "'r' is not valid TOML"),
        (endpoint("max_concurent = 3"), r"endpoint 'e': Unknown key 'max_concurent'. Did you mean 'max_concurrent'"),
        ('[[endpoint]]\nname = "e"', r"endpoint 'e': .*missing.*'url'.*expected the keys"),
        (endpoint("") + endpoint(""), "endpoint 'e' is listed twice"),
        ('[[endpoint]]\nname = "e"\nurl = "localhost:8000"', r"url = 'localhost:8000'; expected an address"),
        (endpoint("max_concurrent = 0"), "max_concurrent = 0; expected a whole number of at least 1"),
        (endpoint("max_tries = 1.5"), "max_tries = 1.5; expected a whole number"),
        (endpoint('timeout_s = "long"'), "timeout_s = 'long'; expected a number above 0"),
        (endpoint("deadline_s = 0"), "deadline_s = 0; expected a number above 0"),
        (endpoint("max_calls_per_s = nan"), "max_calls_per_s = nan; expected a number above 0"),
        ("[sampling]\ntemprature = 1", "sampling: Unknown key 'temprature'"),
        ('[[service]]\nname = "ocr"\nport = 1', "service 'ocr': Unknown key 'port'"),
    ],
)
def test_connections__what_is_wrong_with_a_file(text: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says):
        parse_connections(text, name="r")


def test_connections__unknown_names(tmp_path: Path) -> None:
    connections = parse_connections(TEXT, name="r")
    with pytest.raises(UnknownNameError, match=r"service 'orc'. Did you mean 'ocr'"):
        connections.service("orc")
    with pytest.raises(UnknownNameError, match=r"endpoint of model 'm' 'pade'. Did you mean 'paid'"):
        connections.endpoint_of(Model(name="m", description="", endpoint="pade"))
    with pytest.raises(UnknownNameError, match=r"'chart' names no endpoint; .*\['local', 'paid'\]"):
        connections.endpoint_of(Model(name="chart", description="", network="chart"))
    with pytest.raises(UnknownNameError, match=r"registry 'nowhere\.toml'"):
        load_connections("nowhere.toml")
