"""The page: its sections in order, and the frame that they are put into."""

from importlib import resources
from pathlib import Path
from string import Template

from benchmarks.amounts import amount
from benchmarks.findings import Findings
from benchmarks.report.calls import calls
from benchmarks.report.capabilities import benchmark_table, radars
from benchmarks.report.cards import cards
from benchmarks.report.frontier import budget_table, frontier
from benchmarks.report.gallery import examples_of
from benchmarks.report.leaderboard import leaderboard
from benchmarks.report.markup import Markup, join, tag
from benchmarks.report.panels import difficulty_panels, learning_panels, regret_panels
from benchmarks.report.tables import source_line
from benchmarks.report.wording import percent, points, points_span, span


def write_report(path: Path, findings: Findings) -> None:
    """Write the page into a file; it holds its style, script and pictures.

    Args:
        path: Of the file.
        findings: Of a finished comparison.
    """
    path.write_text(page(findings), "utf-8")


def page(findings: Findings) -> str:
    """Return the page."""
    files = resources.files("benchmarks.report")
    sections = [section for section in _sections(findings) if section is not None]
    return Template(files.joinpath("template.html").read_text("utf-8")).substitute(
        style=files.joinpath("style.css").read_text("utf-8"),
        script=files.joinpath("report.js").read_text("utf-8"),
        header=_header(findings),
        contents=join(*(entry for entry, _ in sections)),
        sections=join(*(section for _, section in sections)),
    )


def _sections(findings: Findings) -> list[tuple[Markup, Markup] | None]:
    source = source_line(findings)
    return [
        _section("leaderboard", "Leaderboard", _LEADERBOARD, leaderboard(findings)),
        _section(
            "cost", "Accuracy against cost", _COST, tag("figure", frontier(findings)), budget_table(findings), source
        ),
        _section("benchmarks", "Benchmarks", _BENCHMARKS, benchmark_table(findings)),
        _section("capabilities", "Capabilities", _CAPABILITIES, radars(findings), source),
        _section("difficulty", "Difficulty", _DIFFICULTY, difficulty_panels(findings), source),
        _section("learning", "Learning", _LEARNING, learning_panels(findings), source),
        _section("regret", "Regret", _REGRET, regret_panels(findings), source),
        _section("calls", "Who is called when", _CALLS, calls(findings)),
        _section("episodes", "Episodes", _EPISODES, cards(examples_of(findings)), source),
    ]


def _section(name: str, title: str, about: str, *parts: Markup | None) -> tuple[Markup, Markup] | None:
    """Return an entry of the contents and the section; None where a part of it has nothing to show."""
    shown = [part for part in parts if part is not None]
    if len(shown) < len(parts):
        return None
    heading = tag("h2", title, id=f"{name}-title")
    body = tag("section", heading, tag("p", about, class_="about"), *shown, id=name, aria_labelledby=f"{name}-title")
    return tag("li", tag("a", title, href=f"#{name}")), body


def _header(findings: Findings) -> Markup:
    summary = findings.summary
    best = max(summary.agents, key=lambda agent: agent.accuracy.mean)
    tasks = sum(summary.benchmarks.values())
    trained = len(summary.benchmarks) - len(summary.unseen)
    unseen = f" and {len(summary.unseen)} that nobody trained on" if summary.unseen else ""
    smoke = tag("p", "A smoke test: few tasks and tiny training. These figures are no result.", class_="warning")
    return join(
        smoke if findings.settings.quick else Markup(),
        tag("p", f"Recording {findings.test.name}", class_="kicker"),
        tag("h1", f"{best.name} answers {percent(best.accuracy.mean)} % right"),
        tag(
            "p",
            f"95 % interval {span(best.accuracy)}, for {amount(best.cost.mean)} {summary.cost_unit} an episode. "
            f"{_rival(findings)} {len(summary.agents)} agents, {tasks:,} test tasks of {trained} benchmarks{unseen}, "
            f"at most {findings.settings.max_turns} calls a task.",
            class_="lead",
        ),
        source_line(findings),
    )


def _rival(findings: Findings) -> str:
    if not findings.pairs:
        return ""
    pair = findings.pairs[0]  # the two best
    shown = "a difference that is shown" if pair.accuracy.excludes_zero else "not shown to be better"
    return f"Against {pair.second} that is {points(pair.accuracy.mean)} points ({points_span(pair.accuracy)}): {shown}."


_LEADERBOARD = (
    "Each agent learned on train, its settings were chosen on val, and it was played once on every test task. The thin "
    "line is the 95 % interval of a bootstrap over tasks and seeds; agents that share a letter are not shown to "
    "differ. The bounds below choose with hindsight: no agent can. Click a column to sort by it."
)
_COST = (
    "Thin lines are 95 % intervals. Small rings are single experts, called once on the whole picture; the dashed line "
    "is what mixing them by lot reaches. An agent is worth something only above it."
)
_BENCHMARKS = "The line under each number is its 95 % interval, on an axis from 0 to 100."
_CAPABILITIES = (
    "Each spoke is a benchmark, from 0 at the centre to 100 % at the rim. The dashed outline is the best sequence of "
    "calls in hindsight."
)
_DIFFICULTY = (
    "The tasks of each benchmark, sorted by how hard they were drawn and cut into thirds; accuracy in %, with 95 % "
    "intervals. Pale lines are the other agents."
)
_LEARNING = (
    "Mean reward, times 100, of the episodes that an agent learned from, in blocks; all seeds together. The band is "
    "the 95 % interval of each block's mean. Pale lines are the other agents. Agents that do not report what they "
    "earned while learning are left out."
)
_REGRET = (
    "Agents of one call: what always knowing the best call would have earned more than the agent did while it learned, "
    "added up, in right answers; mean of a run. That call is chosen with hindsight, so that no curve can become level. "
    "The more a curve bends, the better the agent learned to choose. All seeds together, with 95 % intervals."
)
_CALLS = "Over all seeds. An expert can be called again in another region, so a number can be above 1."
_EPISODES = (
    "A few of every agent, benchmark and outcome, chosen evenly: how often each happens is told above. Outlined are "
    "the regions that were looked at. Wasted are calls after the answer was first right, which only hindsight can tell."
)
