"""Registry files for servers that tests start."""

from collections.abc import Callable
from pathlib import Path

import pytest

SERVERS = Path(__file__).parents[3] / "servers"


@pytest.fixture(scope="session")
def tasks() -> Path:
    """Easy questions: sums, and capitals."""
    return SERVERS / "easy.jsonl"


@pytest.fixture
def registry_at(tmp_path: Path) -> Callable[..., str]:
    """Write the registry of SmolLM2 for a server's address, with other words where that is asked for."""

    def write(base_url: str, **changes: str) -> str:
        text = (SERVERS / "smollm2.toml").read_text("utf-8").replace("http://127.0.0.1:8123/v1", base_url)
        for old, new in changes.items():
            line = next(line for line in text.splitlines() if line.startswith(f"{old} = "))
            text = text.replace(line, f"{old} = {new}")
        path = tmp_path / "servers.toml"
        path.write_text(text)
        return str(path)

    return write
