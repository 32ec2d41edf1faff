"""The documentation, run: its Python, the commands it names, its links and pictures, and what is generated from code.

Python blocks of a page share one namespace and run in order, each page in an empty folder of its own. On a page that
says so, its commands run as well, each where it stands; comparisons are made with `--quick`.
"""

import functools
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import compare
from maestro_env import cli

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PAGE_IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS_TOO = "<!-- Its commands are run, too"
"""What stands on a page whose commands are run."""
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")

every_page = pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)


def blocks(text: str, *languages: str) -> Iterator[str]:
    """Yield the fenced blocks in some languages, each moved to its own line so that errors name the page's line."""
    for match in FENCE.finditer(text):
        if match["language"] in languages:
            yield on_its_line(match)


def on_its_line(match: re.Match[str]) -> str:
    """Return a block's code, moved to its own line of the page."""
    return "\n" * match.string.count("\n", 0, match.start("code")) + match["code"]


def run(page: Path) -> int:
    """Run a page's Python blocks in order in one namespace, and its commands if it says so; return how many blocks."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    text = page.read_text("utf-8")
    languages = ("python", "console") if COMMANDS_TOO in text else ("python",)
    number = 0
    for match in FENCE.finditer(text):
        if match["language"] not in languages:
            continue
        number += 1
        if match["language"] == "python":
            exec(compile(on_its_line(match), str(page), "exec"), namespace)
        else:
            for line in lines(match["code"]):
                run_command(line)
    return number


def run_command(line: str) -> None:
    """Run a command of ours in this process; its comment may say that it exits with 1."""
    program, *arguments = words_of(line)
    try:
        if program == "maestro":
            cli.main(arguments)
            code = 0
        else:
            assert [program, *arguments[:2]] == ["python", "-m", "benchmarks.compare"], f"nothing runs {line!r} here"
            code = compare.main([*arguments[2:], "--quick", "--processes", "1"])
    except SystemExit as ended:
        code = ended.code
    assert code == ("# exits with 1" in line), f"{line} ended with {code}"


def commands(text: str) -> Iterator[list[str]]:
    """Yield the commands of console blocks as words, without comments, prompts, variables and continued lines."""
    for block in blocks(text, "console", "bash"):
        for line in lines(block):
            if words := words_of(line):
                yield words


def lines(block: str) -> list[str]:
    """Return the lines of a console block, continued ones joined."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def words_of(line: str) -> list[str]:
    """Return a line of a console block as words, without comment, prompt and variables."""
    words = shlex.split(line.removeprefix("$ "), comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words


def problem_with(command: Sequence[str]) -> str | None:
    """Return why a command of ours would not be understood; None if it would, or is somebody else's."""
    program, *arguments = command
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        asked = [word for word in arguments if "=" not in word]
        return next((f"no target {word!r} in the Makefile" for word in asked if word not in targets), None)
    options = tuple(word.split("=")[0] for word in arguments if re.match(r"--?[a-z]", word))
    if program == "maestro":
        start = ("-c", "from maestro_env.cli import main; main()", *arguments[:1])
        return problem_with_options(start, options)
    if program == "python" and arguments[:1] == ["-m"] and arguments[1].split(".")[0] in ("maestro_env", "benchmarks"):
        return problem_with_options(("-m", arguments[1]), options[1:])
    return None


def problem_with_options(start: tuple[str, ...], options: tuple[str, ...]) -> str | None:
    """Return why a command or one of its options does not exist, going by its --help; None if all do."""
    code, printed = help_of(start)
    if code != 0:
        return f"{shlex.join(start)} --help: {printed}"
    known = re.findall(r"(?<![\w-])--?[a-z][\w-]*", printed)
    return next((f"{shlex.join(start)}: no option {option}" for option in options if option not in known), None)


@functools.cache
def help_of(start: tuple[str, ...]) -> tuple[int, str]:
    """Return the exit status of `python START --help`, and all it printed."""
    command = [sys.executable, *start, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def broken_links(page: Path) -> list[str]:
    """Return the relative links and pictures of a page whose file does not exist."""
    prose = FENCE.sub("", page.read_text("utf-8"))
    targets = [match["target"].split("#")[0] for match in LINK.finditer(prose)]
    return [target for target in targets if target and "://" not in target and not (page.parent / target).exists()]


def generator() -> ModuleType:
    """Return docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@every_page
def test_page__python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(page)


@every_page
def test_page__commands_are_understood(page: Path) -> None:
    problems = [problem_with(command) for command in commands(page.read_text("utf-8"))]
    assert [problem for problem in problems if problem is not None] == []


@every_page
def test_page__links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@every_page
def test_page__generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")
    assert generator().with_parts(text) == text, "run `make docs`"


def test_readme__opens_with_the_two_commands() -> None:
    first = list(commands((ROOT / "README.md").read_text("utf-8")))[:2]
    assert first == [["make", "compare"], ["make", "test"]]


def test_pages__hold_examples_of_everything_that_is_checked() -> None:
    texts = {page_id: page.read_text("utf-8") for page_id, page in zip(PAGE_IDS, PAGES, strict=True)}
    assert list(blocks(texts["README.md"], "python"))
    assert list(blocks(texts["docs/tutorials/first_episode.md"], "python"))
    assert list(blocks(texts["docs/tutorials/your_own_agent.md"], "python"))
    assert "<!-- begin core models -->" in texts["README.md"]
    assert any(words[0] == "maestro" for text in texts.values() for words in commands(text))


def test_python__a_failing_block_names_the_line_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nx = 1\n```\n\n```python\nx += 1\nassert x == 3\n```\n", "utf-8")
    with pytest.raises(AssertionError) as caught:
        run(page)
    assert caught.traceback[-1].lineno == 8  # counted from 0: the ninth line


@pytest.mark.parametrize(
    ("comment", "holds"), [("", False), ("  # exits with 1", True)], ids=["as if it worked", "as it says"]
)
def test_run__commands_end_as_the_page_says(
    comment: str, holds: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.toml").write_text("[[model]]\n")
    page = tmp_path / "page.md"
    page.write_text(f"{COMMANDS_TOO} -->\n```console\nmaestro registry check wrong.toml{comment}\n```\n", "utf-8")
    if holds:
        assert run(page) == 1
    else:
        with pytest.raises(AssertionError, match=r"maestro registry check wrong\.toml ended with 1"):
            run(page)


def test_commands__are_read_without_comments_and_variables() -> None:
    text = "```console\n$ make test  # all\nN=1 maestro inspect \\\n    embedded\n\n```\n```text\nmake nothing\n```\n"
    assert list(commands(text)) == [["make", "test"], ["maestro", "inspect", "embedded"]]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["make", "tset"], "no target 'tset'"),
        (["maestro", "inpsect"], "invalid choice: 'inpsect'"),
        (["maestro", "inspect", "--no-such-option=1"], "no option --no-such-option"),
        (["python", "-m", "benchmarks.compere"], "No module named benchmarks.compere"),
        (["python", "-m", "benchmarks.compare", "--no-such-option"], "no option --no-such-option"),
    ],
)
def test_problem_with__finds_what_is_wrong(command: list[str], says: str) -> None:
    assert says in (problem_with(command) or "")


def test_broken_links__finds_a_missing_picture(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[here](page.md#top) ![gone](gone.png) [far](https://example.org)\n```\n[no](x)\n```\n", "utf-8")
    assert broken_links(page) == ["gone.png"]


def test_generated_parts__are_filled_in() -> None:
    page = "a\n<!-- begin core models -->\nold\n<!-- end core models -->\nb\n"
    filled = generator().with_parts(page)
    assert "old" not in filled
    assert "| `generalist` |" in filled
    assert "`Direct` (1)" in filled
