"""The page's script in a real browser: sorting, choosing an agent, filtering episodes."""

import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]

PAGE = """<!doctype html><meta charset="utf-8"><section><table class="sortable">
<thead><tr><th><button>agent</button></th><th class="number"><button>accuracy</button></th></tr></thead>
<tbody><tr><th>b</th><td>9.5</td></tr><tr><th>c</th><td data-value="-1">−1.0</td></tr>
<tr><th>a</th><td>72.0</td></tr></tbody></table></section>
<section><select class="choose"><option>x</option><option selected>y</option></select>
<div class="chosen" data-agent="x" id="panel-x"></div><div class="chosen" data-agent="y" id="panel-y"></div></section>
<p id="filters"><select data-filter="kind"><option value="">all</option><option>wrong</option></select>
<output id="found"></output></p>
<article class="card" id="one" data-kind="right"></article><article class="card" id="two" data-kind="wrong"></article>
<script>%s</script><script>%s</script>"""


def after(actions: str, folder: Path) -> str:
    """The page's elements after some JavaScript of a visitor's."""
    script = resources.files("benchmarks.report").joinpath("report.js").read_text("utf-8")
    page = folder / "page.html"
    page.write_text(PAGE % (script, actions), "utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_page_in_a_browser__sorts_chooses_and_filters(tmp_path: Path) -> None:
    # Numbers are sorted downwards first, as numbers: 72 before 9.5 before -1.
    elements = after(
        """document.querySelectorAll("button")[1].click();
        const kind = document.querySelector("#filters select");
        kind.value = "wrong";
        kind.dispatchEvent(new Event("change", {bubbles: true}));""",
        tmp_path,
    )
    assert re.findall(r"<tr><th>(\w)</th>", elements) == ["a", "b", "c"]
    assert 'aria-sort="descending"' in elements
    assert re.search(r'id="panel-x" hidden', elements)
    assert not re.search(r'id="panel-y" hidden', elements)
    assert re.search(r'id="one"[^>]* hidden', elements)
    assert not re.search(r'id="two"[^>]* hidden', elements)
    assert '<output id="found">1 episode</output>' in elements
