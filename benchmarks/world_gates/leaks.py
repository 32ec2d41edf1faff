"""Gate 8: nothing but the picture and the question tells the answer, and the question alone does not name the expert.

The first probe is handed what a cheat could use: index and hash of the picture's name, its size, its mean colour. It
is compared with the best constant guess for each benchmark and intent, which is known on the fitted tasks. The second
pair of probes predicts the best choice for a scene (usefulness.py) from the question alone, and with what is shown.

Axes: n tasks, F features, K classes.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.bootstrap import Interval
from benchmarks.world_gates.gate import Condition, Gate
from benchmarks.world_gates.intervals import Intervals
from benchmarks.world_gates.scope import Scope, benchmarks_of, readers_of
from benchmarks.world_gates.usefulness import NO_CHOICE, best_choices
from maestro_agents.chances import fit_chances
from maestro_env.recordings.recording import Recording
from maestro_env.tasks.procedural.generate import render
from maestro_env.types import Task

MARGIN = 0.03
"""By how much the leak probe may seem to beat the best constant guess: noise of fitting it."""
SHARE = 0.5
"""At most this share of the skill at naming the best expert may come from the question alone."""
WEIGHT_DECAYS = (0.03, 0.3, 1.0)
"""Tried for each probe of the best choice: with the picture it has many times the inputs and over-fits sooner."""
SCENE = "scene"


@dataclass(frozen=True, kw_only=True)
class Probed:
    """Whether a probe was right on each test task, and a constant guess was."""

    probe: NDArray[np.float32]
    """[n]"""
    constant: NDArray[np.float32]
    """[n]"""
    strata: tuple[str, ...]
    """[n] benchmarks."""
    rendered: Mapping[str, int]
    """How many tasks of each benchmark were drawn, and passed their family's check."""


@dataclass(frozen=True, kw_only=True)
class ProbeJob:
    """One benchmark to probe."""

    benchmark: str
    fitted: int
    """How many tasks the probe is fitted on."""
    tested: int
    """How many others it is tested on, all of split test."""
    split: str
    """The fitted ones' split; where that is test too, the tested ones come after the fitted."""
    steps: int


def leak_probe(job: ProbeJob) -> Probed:
    """Render a benchmark's tasks, each of which is checked to be solvable as it is drawn, and probe them.

    Raises:
        TaskError: A task whose answer cannot be seen.
    """
    name, first = job.benchmark, job.fitted if job.split == "test" else 0
    known = [_surface(name, job.split, index) for index in range(job.fitted)]
    asked = [_surface(name, "test", index) for index in range(first, first + job.tested)]
    guesses, usual = guess(known, asked, steps=job.steps)
    gold = np.array([task.gold for task, _ in asked])
    return Probed(
        probe=(guesses == gold).astype(np.float32),
        constant=(usual == gold).astype(np.float32),
        strata=(name,) * job.tested,
        rendered={name: job.fitted + job.tested},
    )


def joined(parts: Sequence[Probed]) -> Probed:
    """Return the probes of several benchmarks as one."""
    return Probed(
        probe=np.concatenate([part.probe for part in parts]),
        constant=np.concatenate([part.constant for part in parts]),
        strata=tuple(name for part in parts for name in part.strata),
        rendered={name: count for part in parts for name, count in part.rendered.items()},
    )


def _surface(benchmark: str, split: str, index: int) -> tuple[Task, NDArray[np.float32]]:
    """Return a task with what a cheat could use: all that is known of its picture without looking at what it shows."""
    rendered = render(benchmark, split, index)
    code = zlib.crc32(rendered.task.images[0].encode())
    bits = [(code >> bit) & 1 for bit in range(16)]
    colour = np.asarray(rendered.image.convert("RGB").resize((1, 1), 4), np.float32).ravel() / 255
    low = [(index >> bit) & 1 for bit in range(4)]
    size = [rendered.image.width / 1000, rendered.image.height / 1000]
    return rendered.task, np.array([index / 1000, *low, *bits, *size, *colour], np.float32)


_Surfaces = Sequence[tuple[Task, NDArray[np.float32]]]


def guess(known: _Surfaces, asked: _Surfaces, *, steps: int) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Return [n] answers of the probe, and [n] the most usual answer for each task's intent."""
    gold = np.array([task.gold for task, _ in known])
    intents = sorted({_intent(task) for task, _ in [*known, *asked]})
    usual = {intent: _most_usual(gold[[_intent(task) == intent for task, _ in known]]) for intent in intents}
    answers = np.unique(gold)

    def inputs(surfaces: _Surfaces) -> NDArray[np.float32]:
        rows = np.stack([features for _, features in surfaces])
        told = np.array([[_intent(task) == intent for intent in intents] for task, _ in surfaces], np.float32)
        return np.c_[(rows - centre) / spread, told]

    centre, spread = (moment(np.stack([f for _, f in known]), axis=0) for moment in (np.mean, np.std))
    spread = np.where(spread > 1e-6, spread, 1)
    target = (gold[:, None] == answers).astype(np.float32)
    probe = fit_chances(inputs(known), target, np.ones(target.shape, bool), seed=0, hidden=32, steps=steps)
    guesses = answers[probe.of(inputs(asked)).argmax(axis=1)]
    return guesses, np.array([usual[_intent(task)] for task, _ in asked])


def _intent(task: Task) -> str:
    return str(task.factors.get("intent", ""))


def _most_usual(answers: NDArray[np.str_]) -> str:
    values, counts = np.unique(answers, return_counts=True)
    return str(values[counts.argmax()]) if len(values) else ""


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How often the best choice for a test scene is named rightly."""

    constant: float
    """Always the choice that is most often best."""
    question: float
    """From the question alone."""
    with_view: float
    """From question, whole picture, and what every locator's region shows."""
    excess: Interval
    """Skill of the question alone less `SHARE` of the skill with the picture; skill is accuracy above the constant."""


def naming_probes(scope: Scope, *, steps: int) -> Naming | None:
    """Fit the probes on scenes of train and val, and test them on scenes of test; None without scenes.

    Each probe's weight decay is what named most on val when it was fitted on the rest.

    Args:
        scope: What is measured.
        steps: Gradient steps of each probe.
    """
    fit, test = (np.flatnonzero(benchmarks_of(part) == SCENE) for part in (scope.pooled, scope.test))
    if not len(fit) or not len(test):
        return None
    chosen, wanted = best_choices(scope.pooled)[0], best_choices(scope.test)[0][test]
    fit = fit[chosen[fit] != NO_CHOICE]
    test, wanted = test[wanted != NO_CHOICE], wanted[wanted != NO_CHOICE]
    for_val = np.isin(fit, scope.partitions[0].val)
    right = {"constant": wanted == np.bincount(chosen[fit]).argmax()}
    for name, features in {"question": _asked, "with_view": _asked_and_shown}.items():
        known, asked, labels = features(scope.pooled)[fit], features(scope.test)[test], chosen[fit]

        def named_on_val(decay: float, known: _Rows = known, labels: NDArray[np.int64] = labels) -> float:
            found = named(known[~for_val], labels[~for_val], known[for_val], steps=steps, weight_decay=decay)
            return float((found == labels[for_val]).mean())

        best = max(WEIGHT_DECAYS, key=named_on_val)
        right[name] = named(known, labels, asked, steps=steps, weight_decay=best) == wanted
    excess = (right["question"] - SHARE * right["with_view"] - (1 - SHARE) * right["constant"]).astype(np.float64)
    return Naming(
        **{name: float(values.mean()) for name, values in right.items()},
        excess=Intervals([SCENE] * len(test)).mean(excess),
    )


_Rows = NDArray[np.float32]


def named(
    known: _Rows, labels: NDArray[np.int64], asked: _Rows, *, steps: int, weight_decay: float
) -> NDArray[np.int64]:
    """Return the class that a probe, fitted on known rows and their labels, names for each row that is asked about."""
    centre, spread = known.mean(axis=0), known.std(axis=0) + 1e-3
    target = np.eye(labels.max() + 1, dtype=np.float32)[labels]
    everything = np.ones(target.shape, bool)
    probe = fit_chances(
        (known - centre) / spread, target, everything, seed=0, hidden=64, steps=steps, weight_decay=weight_decay
    )
    return probe.of((asked - centre) / spread).argmax(axis=1)


def _asked(recording: Recording) -> NDArray[np.float32]:
    return recording.question


def _asked_and_shown(recording: Recording) -> NDArray[np.float32]:
    rows = np.arange(len(recording.tasks))
    locators = np.flatnonzero(~readers_of(recording))
    slots = [np.zeros(len(rows), np.int64), *(np.maximum(recording.next_context[:, 0, i], 0) for i in locators)]
    return np.concatenate([recording.question, *(recording.view[rows, slot] for slot in slots)], axis=1).astype(
        np.float32
    )


def gate_8(probed: Probed, naming: Naming | None) -> Gate:
    """Measure gate 8."""
    leak = Intervals(probed.strata).gain(probed.probe, probed.constant)
    conditions = [Condition(name="leak probe over constant guess", figure=leak, at_most=MARGIN)]
    note = (
        f"Probe {100 * probed.probe.mean():.1f}, constant guess {100 * probed.constant.mean():.1f} on "
        f"{len(probed.probe)} rendered tasks of {len(set(probed.strata))} benchmarks."
    )
    if naming is not None:
        conditions.append(
            Condition(name="question alone over half of question and picture", figure=naming.excess, at_most=0.0)
        )
        note += (
            f" Naming the best choice for a scene: constant {100 * naming.constant:.1f}, question alone "
            f"{100 * naming.question:.1f}, question and picture {100 * naming.with_view:.1f}."
        )
    return Gate(
        gate="8",
        title="No label leak: names, sizes and mean colours tell nothing; the question alone does not name the expert",
        conditions=tuple(conditions),
        note=note,
    )
