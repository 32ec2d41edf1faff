"""Which episodes are shown: some of every agent, benchmark and outcome. Drawing them is cards.py's job."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.findings import Findings
from benchmarks.playing import Run
from benchmarks.replay import Replay, wasted_calls
from maestro_agents.evaluate import EpisodeRecord
from maestro_env.render import Frame
from maestro_env.types import Box

NUM_EXAMPLES = 56
"""A few dozen: a page of about a megabyte."""

KINDS = ("right", "right, with wasted calls", "wrong", "right at first, then wrong", "no answer")
"""How an episode can have gone; wasted are calls after the answer was right, in hindsight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """An episode to look at."""

    agent: str
    benchmark: str
    kind: str
    """One of `KINDS`."""
    wasted: int
    """Calls after the answer was first right."""
    frame: Frame
    """The episode at its end."""
    boxes: Mapping[str, Box]
    """By id, each region that was looked at, in pixels of the picture."""


def examples_of(findings: Findings) -> list[Example]:
    """Return episodes of each agent's first run: every kind of every agent in turn, benchmarks as evenly as can be.

    No task is shown twice while there are others.
    """
    first_runs = {name: runs[0] for name, runs in findings.runs.items()}
    waiting = {(name, kind): list[int]() for name in first_runs for kind in KINDS}
    for name, run in first_runs.items():
        for task, episode in enumerate(run.episodes):
            waiting[name, kind_of(episode, findings.replay.right_after(task, episode.experts))].append(task)
    shown = _choose(waiting, findings.test.task_benchmarks)
    return [
        _example(name, kind, task, run=first_runs[name], replay=findings.replay)
        for name in first_runs
        for kind in KINDS
        for task in shown[name, kind]
    ]


def _choose(
    waiting: Mapping[tuple[str, str], list[int]], benchmarks: Sequence[str]
) -> Mapping[tuple[str, str], list[int]]:
    """Return up to `NUM_EXAMPLES` tasks, for each agent and kind those of its own that wait."""
    shown = {group: list[int]() for group in waiting}
    of_benchmark: Counter[tuple[str, str]] = Counter()
    of_task: Counter[int] = Counter()
    while any(waiting.values()):
        for (name, kind), tasks in waiting.items():
            if not tasks:
                continue
            rank = {task: (of_task[task], of_benchmark[name, benchmarks[task]], task) for task in tasks}
            task = min(tasks, key=rank.__getitem__)
            tasks.remove(task)
            of_task[task] += 1
            of_benchmark[name, benchmarks[task]] += 1
            shown[name, kind].append(task)
            if of_task.total() == NUM_EXAMPLES:
                return shown
    return shown


def _example(name: str, kind: str, task: int, *, run: Run, replay: Replay) -> Example:
    episode = run.episodes[task]
    frame = replay.frame(task, episode.experts)
    slots = range(len(replay.test.context_ids[task]))
    contexts = {context.id: context for context in (replay.test.context(task, slot) for slot in slots)}
    seen = dict.fromkeys([turn.context for turn in frame.turns] + [frame.context])
    boxes = {context: contexts[context].box for context in seen}
    return Example(
        agent=name,
        benchmark=episode.benchmark,
        kind=kind,
        wasted=wasted_calls(replay.right_after(task, episode.experts)),
        frame=frame,
        boxes={context: box for context, box in boxes.items() if box is not None},
    )


def kind_of(episode: EpisodeRecord, right_after: Sequence[bool]) -> str:
    """Return which of `KINDS` an episode is.

    Args:
        episode: Any.
        right_after: For each of its calls, whether the answer would have been right if it had ended there.
    """
    if episode.correct:
        return "right, with wasted calls" if wasted_calls(right_after) else "right"
    if not episode.answer:
        return "no answer"
    return "right at first, then wrong" if any(right_after) else "wrong"
