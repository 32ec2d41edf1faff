"""The page of `MaestroText-v0`: what it shows is what the environment says."""

import re
from pathlib import Path

import pytest

from maestro_env.text.grammar import FaultKind

LANGUAGES = ("python", "text")


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "environments" / "maestro-text-v0.md").read_text("utf-8")


def test_page__its_transcript_is_what_its_code_prints(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = (re.search(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE) for language in LANGUAGES)
    assert code is not None
    assert shown is not None
    exec(code[1], {})
    assert capsys.readouterr().out == shown[1]


def test_page__lists_every_kind_of_fault(page: str) -> None:
    table = page.partition("## Faults")[2].partition("## Reward")[0]
    listed = [
        kind for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for kind in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(listed) == sorted(kind.value for kind in FaultKind)
