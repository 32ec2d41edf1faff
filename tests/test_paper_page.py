"""docs/paper_registry.md against the catalogue: every model, service and skill has a row, and each row a test."""

import re
from pathlib import Path

import pytest

from maestro_env.connections import load_connections
from maestro_env.registry import load_registry
from maestro_env.sandbox import confine
from maestro_env.serving import load_servers, serve_commands

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "paper_registry.md").read_text("utf-8")
ROW = re.compile(
    r"^\| `(?P<name>[^`]+)` \|(?P<cells>.*)\| `(?P<file>[^`:]+)::(?P<test>\w+)(?:\[(?P<case>[^\]]+)\])?` \|$", re.M
)
REGISTRY = load_registry("paper_extended")


def rows(heading: str) -> dict[str, re.Match[str]]:
    """Return the rows under a heading, by name."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = {match["name"]: match for match in ROW.finditer(section)}
    assert len(found) == section.count("\n| `")
    return found


def test_page__has_a_row_for_every_model() -> None:
    found = rows("Models")
    assert list(found) == [model.name for model in REGISTRY.models]
    endpoint_of = {model.name: model.endpoint for model in REGISTRY.models}
    servers = {server.endpoint: server.weights for server in load_servers("paper_extended")}
    ports = {c.server.endpoint: c.words[c.words.index("--port") + 1] for c in serve_commands("paper_extended")}
    for name, row in found.items():
        assert row["cells"].split("|")[0].strip() == ports[endpoint_of[name]]
        assert row["cells"].split("|")[1].strip() == f"`{servers[endpoint_of[name]]}`"


def test_page__has_a_row_for_every_service() -> None:
    connections = load_connections("paper_extended")
    found = rows("Services")
    assert list(found) == list(connections.services)
    for name, service in connections.services.items():
        assert f"`{service.served_name}`" in found[name]["cells"]


def test_page__has_a_row_for_every_skill_of_both_tiers() -> None:
    assert list(rows("Tier-1 skills")) == [skill.name for skill in REGISTRY.skills]
    assert set(rows("Tier-2 skills")) == {name for skill in REGISTRY.skills for name in skill.tier2}


@pytest.mark.parametrize("row", list(ROW.finditer(PAGE)), ids=lambda row: row["name"])
def test_page__each_row_names_a_test_that_exists(row: re.Match[str]) -> None:
    text = (ROOT / row["file"]).read_text("utf-8")
    assert f"\ndef {row['test']}(" in text
    if row["case"]:
        assert f'"{row["case"]}":' in text


def test_page__counts_the_system_calls() -> None:
    num_calls = len(confine._SYSTEM_CALLS) + len(confine._SECOND_ARGUMENTS)
    assert f"a list of {num_calls} that are allowed" in PAGE
