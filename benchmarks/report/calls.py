"""Whom agents call when: a heat map of experts by benchmark, and the commonest sequences of calls, for each agent."""

from benchmarks.behaviour import Behaviour, CallSequence
from benchmarks.findings import Findings
from benchmarks.report.markup import Markup, join, tag
from benchmarks.report.tables import Column, cell, source_line, table
from benchmarks.report.wording import breakable, percent

_DEEP = 0.55
"""From here on a cell is so dark that its number is written light."""


def calls(findings: Findings) -> Markup:
    """Return a panel for each agent; the page's script shows one at a time."""
    best = max(findings.summary.agents, key=lambda agent: agent.accuracy.mean).name
    options = [
        tag("option", behaviour.agent, value=behaviour.agent, selected=behaviour.agent == best)
        for behaviour in findings.behaviours
    ]
    return join(
        tag("p", tag("label", "Agent ", tag("select", *options, class_="choose")), class_="filters scripted"),
        *(
            tag("div", _heat_map(one, findings), _sequences(one), data_agent=one.agent, class_="chosen")
            for one in findings.behaviours
        ),
        source_line(findings),
    )


def _heat_map(behaviour: Behaviour, findings: Findings) -> Markup:
    names = list(findings.summary.benchmarks)
    called = {expert for own in behaviour.calls.values() for expert in own}
    order = [expert_id for expert_id in findings.test.registry.ids if expert_id in called]
    columns = [
        Column(title="expert", numeric=False, sortable=False),
        *(Column(title=f"{name} *" if name in findings.summary.unseen else name, sortable=False) for name in names),
    ]
    rows = [
        tag(
            "tr",
            tag("th", breakable(expert_id), scope="row"),
            *(_heat(behaviour.calls[name].get(expert_id, 0.0)) for name in names),
        )
        for expert_id in order
    ]
    caption = f"{behaviour.agent}: mean calls of each expert in an episode"
    return tag("div", table(caption, columns, rows), class_="heat")


def _heat(calls: float) -> Markup:
    share = min(calls, 1.0)
    kind = "number deep" if share >= _DEEP else "number"
    return tag("td", f"{calls:.2f}" if calls else "", class_=kind, style=f"--share:{share:.3f}")


def _sequences(behaviour: Behaviour) -> Markup:
    columns = [
        Column(title="calls, in order", numeric=False, sortable=False),
        Column(title="% of episodes", sortable=False),
        Column(title="% right", sortable=False),
    ]
    rows = [
        tag("tr", tag("th", _chain(one), scope="row"), cell(percent(one.share)), cell(percent(one.accuracy)))
        for one in behaviour.sequences
    ]
    return table(f"{behaviour.agent}: the commonest sequences of calls", columns, rows)


def _chain(sequence: CallSequence) -> Markup:
    if not sequence.experts:
        return tag("em", "stops at once")
    return tag("ol", *(tag("li", breakable(expert_id)) for expert_id in sequence.experts), class_="chain")
