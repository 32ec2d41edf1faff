"""Gate 7: every skill earns its place on some benchmark, and no expert is useless.

The best choice for a task is the most confident right reply in any context that can be reached; of equals the one that
costs less, then the first in the registry. If it was given in a region, the locator that found the region was a best
choice too. Axes: N tasks, C contexts, P experts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.bootstrap import Interval
from benchmarks.bounds import reachable
from benchmarks.world_gates.gate import Condition, Gate
from benchmarks.world_gates.intervals import Intervals
from benchmarks.world_gates.scope import benchmarks_of, readers_of
from maestro_agents.recorded_tasks import take
from maestro_env.recordings.recording import MISSING, Recording

SKILL_GAIN = 0.05
EXPERT_SHARE = 0.03
DIRECT = "Direct"
NO_CHOICE = -1


@dataclass(frozen=True, kw_only=True)
class SkillGain:
    """What a tier-1 skill gains over `Direct` on a benchmark, with the model for which it gains most."""

    skill: str
    benchmark: str
    model: str
    gain: Interval


def skill_gains(recording: Recording) -> list[SkillGain]:
    """Return the gain of every skill on every benchmark.

    A model's skill is compared with the same model's `Direct`, both in the whole picture; a model without `Direct`
    with the best `Direct` of any model. For a locator it is the best `Direct` in the region it finds, over the best
    `Direct` in the whole picture.

    Args:
        recording: Test tasks.
    """
    found: list[SkillGain] = []
    names = benchmarks_of(recording)
    for name in np.unique(names).tolist():
        part = take(recording, np.flatnonzero(names == name))
        intervals = Intervals([name] * len(part.tasks))
        scores = _scores_by_expert(part)
        direct = {expert.model.name: scores[i] for i, expert in enumerate(part.registry.experts) if _is_direct(part, i)}
        if not direct:
            continue
        best = max(direct.values(), key=lambda values: float(values.mean()))
        for skill in part.registry.skills:
            rivals = [
                (expert.model.name, scores[i], direct.get(expert.model.name, best))
                for i, expert in enumerate(part.registry.experts)
                if expert.skill.name == skill.name != DIRECT
            ]
            if not rivals:
                continue
            model, with_skill, without = max(rivals, key=lambda rival: float(rival[1].mean() - rival[2].mean()))
            gain = intervals.gain(with_skill, without)
            found.append(SkillGain(skill=skill.name, benchmark=name, model=model, gain=gain))
    return found


def _is_direct(recording: Recording, expert: int) -> bool:
    return recording.registry.experts[expert].skill.name == DIRECT


def _scores_by_expert(recording: Recording) -> NDArray[np.float32]:
    """Return [P, N] scores in the whole picture; a locator's are those of the best `Direct` in its region."""
    scores = recording.score[:, 0].T.copy()
    rows = np.arange(len(recording.tasks))
    direct = [i for i in range(len(scores)) if _is_direct(recording, i)]
    for locator in np.flatnonzero(~readers_of(recording)):
        slot = np.maximum(recording.next_context[:, 0, locator], 0)
        there = recording.score[rows, slot][:, direct]
        scores[locator] = there[:, int(there.mean(axis=0).argmax())]
    return scores


def best_choices(recording: Recording) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return [N] the best choice of each task and [N] the context slot it replied in; `NO_CHOICE` if none is right."""
    usable = reachable(recording)[:, :, None] & (recording.answer != MISSING) & (recording.score >= 1.0)
    confidence = np.nan_to_num(recording.confidence, nan=0.0).astype(np.float64)
    experts = recording.status.shape[2]
    # Confidence decides; of equals the cheaper, then the first expert, then the earlier context.
    order = np.arange(experts)[None, None, :] * 1e-12 + np.arange(confidence.shape[1])[None, :, None] * 1e-14
    rank = np.where(usable, confidence - 1e-7 * recording.cost - order, -np.inf).reshape(len(recording.tasks), -1)
    place = rank.argmax(axis=1)
    nobody = ~np.isfinite(rank.max(axis=1))
    return np.where(nobody, NO_CHOICE, place % experts), np.where(nobody, NO_CHOICE, place // experts)


def chosen_by_task(recording: Recording) -> NDArray[np.bool_]:
    """Return [N, P] whether an expert is the best choice of a task, or the locator that leads to it."""
    expert, slot = best_choices(recording)
    rows = np.flatnonzero(expert != NO_CHOICE)
    chosen = np.zeros((len(expert), len(recording.registry)), bool)
    chosen[rows, expert[rows]] = True
    moved = rows[slot[rows] > 0]
    locators = ~readers_of(recording)
    chosen[moved] |= (recording.next_context[moved, 0] == slot[moved, None]) & locators
    return chosen


def gate_7(recordings: Sequence[Recording], gains: Sequence[SkillGain], owned: Sequence[Sequence[str]]) -> Gate:
    """Measure gate 7.

    Args:
        recordings: Test tasks of each registry's own benchmarks.
        gains: Of all skills on all benchmarks.
        owned: The experts that each of the recordings must find useful.
    """
    conditions: list[Condition] = []
    for skill in dict.fromkeys(gain.skill for gain in gains):
        best = max((gain for gain in gains if gain.skill == skill), key=lambda gain: gain.gain.mean)
        name = f"{skill} over {DIRECT} on {best.benchmark} with {best.model}"
        conditions.append(Condition(name=name, figure=best.gain, at_least=SKILL_GAIN))
    for recording, experts in zip(recordings, owned, strict=True):
        if not recording.tasks:
            continue
        intervals, chosen = Intervals(benchmarks_of(recording).tolist()), chosen_by_task(recording)
        conditions += [
            Condition(
                name=f"{expert} is the best choice",
                figure=intervals.mean(chosen[:, recording.registry.index_of(expert)].astype(np.float32)),
                at_least=EXPERT_SHARE,
            )
            for expert in experts
        ]
    failed = [condition.name for condition in conditions if not condition.passed]
    return Gate(
        gate="7",
        title="Each tier-1 skill gains 5 points over Direct somewhere; each expert is the best choice for 3 % of tasks",
        conditions=tuple(conditions),
        note=f"Failing: {'; '.join(failed)}." if failed else "",
    )
