"""The comparison as tables for a terminal."""

import re
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.amounts import amount
from benchmarks.bootstrap import Interval
from benchmarks.bounds import CONFIDENT
from benchmarks.summary import AgentSummary, Summary

ABREAST = 6
"""Agents whose benchmarks stand side by side: more do not fit a narrow terminal."""


def tables(summary: Summary) -> Group:
    """Return the agents, their benchmarks, the gaps between the rungs of the ladder, and the oracle bounds."""
    few = [summary.agents[first : first + ABREAST] for first in range(0, len(summary.agents), ABREAST)]
    parts = [_agents(summary), *(_benchmarks(summary, agents) for agents in few)]
    parts += [_gaps(summary)] if summary.gaps else []
    parts.append(_bounds(summary))
    return Group(*(item for part in parts for item in (Text(), part)))


def _agents(summary: Summary) -> Table:
    tasks = sum(count for name, count in summary.benchmarks.items() if name not in summary.unseen)
    table = Table(
        title=f"Accuracy on {tasks:,} test tasks, in % (95 % interval over tasks and seeds)",
        caption=(
            "accuracy: mean over test tasks, the headline. "
            "unseen: mean over the test tasks of benchmarks that were not trained on. "
            f"priced: accuracy less {100 * summary.price:g} points for each unit of cost ({summary.cost_unit})."
        ),
    )
    table.add_column("agent", no_wrap=True)
    table.add_column("accuracy", justify="right", style="bold", no_wrap=True)
    for column in ("unseen", summary.cost_unit, "calls", "priced"):
        table.add_column(column, justify="right", no_wrap=True)
    for agent in summary.agents:
        table.add_row(
            agent.name,
            percent(agent.accuracy),
            f"{100 * agent.unseen.mean:.1f}" if agent.unseen else "",
            amount(agent.cost.mean),
            f"{agent.calls.mean:.2f}",
            f"{100 * agent.priced.mean:.1f}",
        )
    return table


def _benchmarks(summary: Summary, agents: Sequence[AgentSummary]) -> Table:
    table = Table(title="Accuracy by benchmark, in %", caption="* not trained on" if summary.unseen else None)
    table.add_column("benchmark", no_wrap=True)
    table.add_column("tasks", justify="right")
    for agent in agents:
        table.add_column(_stacked(agent.name), justify="right", overflow="fold")
    for name, tasks in summary.benchmarks.items():
        marked = "*" if name in summary.unseen else ""
        cells = (f"{100 * agent.accuracy_by_benchmark[name].mean:.1f}" for agent in agents)
        table.add_row(f"{name}{marked}", f"{tasks:,}", *cells)
    return table


def _stacked(name: str) -> str:
    """Return a class's name with a word a line: many agents stand side by side in a narrow terminal."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "\n", name)


def _gaps(summary: Summary) -> Table:
    table = Table(title="Gaps between neighbours of the ladder, in points (95 % paired interval)")
    table.add_column("better", no_wrap=True)
    table.add_column("worse", no_wrap=True)
    table.add_column("accuracy", justify="right", style="bold")
    table.add_column("priced", justify="right")
    table.add_column("shown")
    for gap in summary.gaps:
        shown = "yes" if gap.accuracy.low > 0 else "reversed" if gap.accuracy.high < 0 else "no"
        table.add_row(gap.better, gap.worse, points(gap.accuracy), points(gap.priced), shown)
    return table


def _bounds(summary: Summary) -> Table:
    table = Table(title="Oracle bounds: hindsight, not headroom")
    table.add_column("bound")
    table.add_column("accuracy", justify="right")
    table.add_row("any expert right in any reachable context", percent(summary.bounds.any_right))
    table.add_row("best sequence within the turns", percent(summary.bounds.within_turns))
    table.add_row(f"any right reply with confidence of {CONFIDENT:g} or more", percent(summary.bounds.confident_only))
    return table


def percent(interval: Interval) -> str:
    """Return a share as percentages, with its interval."""
    return f"{100 * interval.mean:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def points(interval: Interval) -> str:
    """Return a difference in percentage points, with its interval."""
    return f"{100 * interval.mean:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
