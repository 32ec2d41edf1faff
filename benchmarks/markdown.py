"""The leaderboard as Markdown, to be put into a page or an issue."""

from itertools import pairwise

from benchmarks.amounts import amount
from benchmarks.findings import Findings
from benchmarks.summary import AgentSummary
from benchmarks.table import percent, points


def leaderboard(findings: Findings) -> str:
    """Return the table of agents, the best first, with what it means and where it comes from."""
    summary = findings.summary
    ranking = sorted(summary.agents, key=lambda agent: -agent.accuracy.mean)
    tasks = {name: number for name, number in summary.benchmarks.items() if name not in summary.unseen}
    head = ["agent", "accuracy in %", "alike", "unseen", summary.cost_unit, "calls", "priced", "seeds", "minutes"]
    rows = [
        [
            f"`{agent.name}`",
            percent(agent.accuracy),
            findings.letters[agent.name],
            percent(agent.unseen) if agent.unseen else "",
            amount(agent.cost.mean),
            f"{agent.calls.mean:.2f}",
            f"{100 * agent.priced.mean:.1f}",
            str(len(agent.seeds)),
            f"{agent.seconds / 60:.1f}",
        ]
        for agent in ranking
    ]
    source = findings.source
    lines = [
        f"Accuracy on {sum(tasks.values()):,} test tasks of {', '.join(tasks)}, with 95 % intervals over tasks and "
        "seeds. Agents that share a letter are not shown to differ. "
        f"*Unseen* is the mean over {_unseen(findings)}. "
        f"*Priced* is accuracy less {100 * summary.price:g} points for each unit of cost ({summary.cost_unit}). "
        "*Minutes* is the time of one run: learning, choosing settings on val, and playing test.",
        "",
        *_table(head, rows),
        "",
        *_neighbours(findings, ranking),
        f"From `{source.command}`, commit {source.commit[:10] or 'unknown'}, seeds from 0, {source.cores} cores, "
        f"{source.processor}, Python {source.python}.",
    ]
    return "\n".join(lines) + "\n"


def _unseen(findings: Findings) -> str:
    summary = findings.summary
    if not summary.unseen:
        return "none here"
    number = sum(summary.benchmarks[name] for name in summary.unseen)
    return f"{number:,} test tasks of benchmarks that nobody trained on ({', '.join(summary.unseen)})"


def _neighbours(findings: Findings, ranking: list[AgentSummary]) -> list[str]:
    if len(ranking) < 2:
        return []
    gaps = "; ".join(_neighbour(findings, first, second) for first, second in pairwise(ranking))
    return [f"The more accurate of each two neighbours, in points with 95 % paired intervals: {gaps}.", ""]


def _neighbour(findings: Findings, first: AgentSummary, second: AgentSummary) -> str:
    names = {first.name, second.name}
    pair = next(pair for pair in findings.pairs if {pair.first, pair.second} == names)
    return f"`{pair.first}` over `{pair.second}` {points(pair.accuracy)}"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
