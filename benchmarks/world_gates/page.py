"""The page docs/world.md, from what was measured. Nothing is measured here; how is told in its section of methods."""

from collections.abc import Mapping, Sequence
from textwrap import dedent

import numpy as np

from benchmarks.world_gates.feedback import curve
from benchmarks.world_gates.findings import Findings
from benchmarks.world_gates.frontiers import COSTS
from benchmarks.world_gates.gate import Gate, in_words
from benchmarks.world_gates.tables import BenchmarkTable
from benchmarks.world_gates.usefulness import EXPERT_SHARE

IMAGES = "images/world"
"""Beside the page."""


def page(findings: Findings) -> str:
    """Return the page as Markdown."""
    source = findings.source
    parts = [
        "# The embedded world, measured",
        dedent(
            f"""\
            Written by a command; do not edit. Every figure is on the test split, in percent, with 95 % intervals of a
            paired bootstrap over tasks and seeds ({findings.seeds} re-splits of train and val).

            ```console
            python -m benchmarks.world --page
            ```

            Commit {source.commit[:10] or "unknown"}, {source.cores} cores, {source.processor}."""
        ),
        "## Gates",
        gate_table(findings.gates),
        *(_gate_details(gate) for gate in findings.gates),
        "## Benchmarks",
        *(_benchmark(table, findings) for table in findings.tables),
        f"### Difficulty\n\n![Accuracy on easy, middling and hard tasks]({IMAGES}/difficulty.png)\n\n"
        + _difficulty(findings.tables),
        "## Who reads what\n\nAccuracy of one call on the whole picture.\n\n"
        + _matrix({table.benchmark: table.accuracy for table in findings.tables}, bold_best=True),
        "### Who is the best choice, and how often\n\nThe most confident right reply in any context; the locator whose "
        f"region it was given in counts as well. At least {100 * EXPERT_SHARE:.0f} % are asked for over a registry's "
        "own benchmarks together.\n\n"
        + _matrix({table.benchmark: table.chosen for table in findings.tables}, bold_best=False),
        "## Skills against Direct\n\nFor each skill the model for which it gains most over the same model's `Direct`, "
        "in points.\n\n" + _skills(findings),
        "## Plans and policies\n\n" + _plans(findings),
        f"## Compute of training\n\n{findings.compute}",
        _METHODS,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def gate_table(gates: Sequence[Gate]) -> str:
    """Return the gates as a Markdown table: the figure that decides, its interval and threshold."""
    lines = ["| gate | what must hold | figure | 95 % interval | threshold | |", "|---|---|---|---|---|---|"]
    for gate in gates:
        deciding, verdict = gate.deciding, "pass" if gate.passed else "**fail**"
        if deciding is None:
            lines.append(f"| {gate.gate} | {gate.title} | | | | not measured |")
            continue
        figure, limit = deciding.figure, deciding.threshold
        threshold = "" if limit is None else f"{100 * limit:.0f}"
        lines.append(
            f"| {gate.gate} | {gate.title} | {100 * figure.mean:.1f} ({deciding.name}) | "
            f"{100 * figure.low:.1f} to {100 * figure.high:.1f} | {threshold} | {verdict} |"
        )
    return "\n".join(lines)


def _gate_details(gate: Gate) -> str:
    conditions = "\n".join(f"- {in_words(condition)}" for condition in gate.conditions)
    return f"**Gate {gate.gate}.** {gate.title}.\n\n{conditions}\n\n{gate.note}".replace("\n\n\n\n", "\n\n")


def _benchmark(table: BenchmarkTable, findings: Findings) -> str:
    name, roles = table.benchmark, findings.roles
    kind = "trained on" if name in roles.trained else "unseen in training" if name in roles.unseen else "extended"
    chance = f"guessing among the choices scores {100 * table.chance:.1f}" if table.chance else "answers are open"
    best = table.accuracy[table.best_expert]
    return (
        f"### {name}\n\n![Examples of {name}]({IMAGES}/{name}.png)\n\n"
        f"{table.num_tasks} test tasks, {kind}; {chance}. Best single call: `{table.best_expert}`, {100 * best:.1f}. "
        f"Any expert right anywhere {100 * table.any_right:.1f}, counting confident replies only "
        f"{100 * table.confident_only:.1f}. {findings.rendered.get(name, 0)} tasks were drawn for this page, and "
        "all of them passed the check that their answer can be seen."
    )


def _difficulty(tables: Sequence[BenchmarkTable]) -> str:
    lines = [
        "The most able reader of each kind of figure on easy, middling and hard tasks. The slope is what full "
        "difficulty costs; accuracy falls where its interval is below 0.",
        "",
        "| benchmark | easy | middling | hard | slope | 95 % interval | falls |",
        "|---|---|---|---|---|---|---|",
    ]
    for table in tables:
        cells = " | ".join(f"{100 * share:.1f}" for share in table.by_difficulty)
        slope = table.slope
        falls = "yes" if slope.high < 0 else "**not shown**"
        lines.append(
            f"| {table.benchmark} | {cells} | {100 * slope.mean:.1f} | {100 * slope.low:.1f} to {100 * slope.high:.1f} "
            f"| {falls} |"
        )
    return "\n".join(lines)


def _matrix(rows: Mapping[str, Mapping[str, float]], *, bold_best: bool) -> str:
    """Return shares by benchmark and expert as a table with a row an expert, which is the longer side."""
    experts = list(dict.fromkeys(expert for shares in rows.values() for expert in shares))
    lines = ["| expert | " + " | ".join(rows) + " |", "|---" * (1 + len(rows)) + "|"]
    for expert in experts:
        cells: list[str] = []
        for shares in rows.values():
            share = shares.get(expert)
            text = "" if share is None else f"{100 * share:.0f}"
            cells.append(f"**{text}**" if text and bold_best and share == max(shares.values()) else text)
        lines.append(f"| `{expert}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _skills(findings: Findings) -> str:
    benchmarks = [table.benchmark for table in findings.tables]
    gains = {(gain.skill, gain.benchmark): gain for gain in findings.skills}
    lines = ["| skill | " + " | ".join(benchmarks) + " |", "|---" * (1 + len(benchmarks)) + "|"]
    for skill in dict.fromkeys(gain.skill for gain in findings.skills):
        cells = [gains.get((skill, name)) for name in benchmarks]
        lines.append(
            f"| `{skill}` | "
            + " | ".join("" if gain is None else f"{100 * gain.gain.mean:+.1f} ({gain.model})" for gain in cells)
            + " |"
        )
    return "\n".join(lines)


def _plans(findings: Findings) -> str:
    policies, plans = findings.policies, findings.plans
    rows: Mapping[str, Sequence[float]] = {
        "closed loop": curve(policies.closed).tolist(),
        "contextual plan": curve(policies.contextual).tolist(),
        "open-loop plans": curve(plans.frontiers).tolist(),
        "upper bound, any reply": findings.bounds.any_right,
        "upper bound, confident replies": findings.bounds.confident_only,
    }
    lines = ["| accuracy at mean passes | " + " | ".join(str(cost) for cost in COSTS) + " |", "|---" * 6 + "|"]
    lines += [f"| {label} | " + " | ".join(f"{100 * value:.1f}" for value in row) + " |" for label, row in rows.items()]
    best = ["| benchmark | best open-loop plan | answer rule |", "|---|---|---|"]
    for name, settled in findings.plans.best[0].items():
        calls = ", ".join(f"`{findings.expert_ids[expert]}`" for expert in settled.experts)
        best.append(f"| {name} | {calls} | {settled.rule.value} |")
    price = policies.closed_at_price
    return "\n".join(
        [
            f"![Accuracy against cost]({IMAGES}/frontiers.png)",
            "",
            *lines,
            "",
            f"At 0.02 a pass the closed loop scores {100 * float(np.mean(price.score)):.1f} at "
            f"{float(np.mean(price.cost)):.2f} passes. Without a price, the best plans of the first re-split are:",
            "",
            *best,
        ]
    )


_METHODS = """\
## How it is measured

- **Splits.** Test stays test. Train and val of the trained-on benchmarks are pooled and parted anew for each seed;
  everything is fitted on the larger part, settings are chosen on the smaller one, and figures are means over seeds.
- **Intervals.** 2,000 resamples draw tasks anew within each benchmark, the same tasks for everything that is compared,
  and seeds anew. A gate passes by its figure; where the interval straddles the threshold, that is said.
- **One call.** The best single expert, each benchmark's best expert, and a learned router: nearest neighbours or a
  network on question and first view, whichever is best on val.
- **Open-loop plans** are exact: every sequence of at most four calls, under every answer rule, is scored on all fitted
  tasks of each benchmark (`benchmarks/world_gates/plan_table.py`). A plan's outcome on a recorded task is a look-up, so
  that the best plan is a maximum over all of them, and nothing is sampled. Mixtures of plans over benchmarks that are
  best at a mean cost follow from one price for all benchmarks; they are the concave hulls' edges by slope.
- **Contextual plans.** Plans that are best for some benchmark, intent or kind of figure at some price are candidates;
  networks guess each one's score and cost from question and first view, and the best one is followed to its end.
- **Closed loop.** The rules of FittedRules: stop, read, or locate and read, by guessed chances from all that is known
  at each turn; thresholds are fitted for ten prices on val.
- **Equal mean cost.** Two policies of a frontier can be mixed by lot, so that scores between them are interpolated at
  the cost on test. Beyond its dearest policy a frontier stays level: what is not needed is not spent.
- **Upper bounds of closed loops.** Whoever is right on a task has at least paid for the cheapest way to a right reply,
  whatever was known; so no policy beats spending on the cheapest tasks first, with hindsight. The bound is exact for
  whoever knows everything, and far above what can be learned: with many tries on few answers, some reply is right by
  luck. Counting only replies with a confidence of at least one half is the more sober figure.
- **Best choice.** The most confident right reply in any context that can be reached; of equals the cheaper.
- **Skills.** In the whole picture, against the same model's `Direct`; models without `Direct` against the best `Direct`
  of any model; a locator by the best `Direct` in its region against the best `Direct` in the whole picture.
- **Strangers.** The zero-shot policy is DescriptorRouter, fitted with the core experts and handed the others.
- **Leak probe.** A network on index and hash of the picture's name, its size and mean colour, and the intent, against
  the most usual answer of each intent; it may seem to gain 3 points, which fitting it on few tasks may do by chance.
- **Naming experts.** On scenes, where the benchmark gives nothing away, the best choice is predicted from the question
  alone, and from question, whole picture and located regions; skill is accuracy above naming the usual choice."""
