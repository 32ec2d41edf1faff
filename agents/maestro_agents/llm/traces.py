"""Episodes to imitate: routed at random, cloned from hindsight, or recorded. Learning from them is supervised.py's job.

A trace is what a policy would have written. It is played in the text environment and kept as a `Rollout`, so that a
model imitates exactly the tokens, in exactly the contexts, that it will later sample itself.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maestro_agents import batch_play
from maestro_agents.hindsight import best_actions
from maestro_agents.llm.generation import Finish, Tokeniser, Written
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.rollout import Rollout, begin, take_turn
from maestro_agents.recorded_tasks import Terms, take, terms_of
from maestro_env.errors import ConfigurationError
from maestro_env.registry import STOP
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.grammar import Answer, Search, render
from maestro_env.text.moment import moment_of
from maestro_env.types import Outcome, Role

QUERY = "look"
"""No backend is sent it."""

_LOCATE_FIRST = 0.3
"""Share of random traces that begin with a locator: among all experts they are so few that it would hardly be tried."""

_HABITUAL = 0.5
"""Share of the calls in random traces that follow their benchmark's habits; the others treat all experts alike."""

_HABIT = 0.2
"""Concentration of the Dirichlet distribution that habits are drawn from: each is of a few experts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """What a policy wrote in one episode."""

    task_id: str
    turns: tuple[str, ...]


def random_traces(env: MaestroTextEnv, task_ids: Sequence[str], *, most_calls: int, seed: int) -> Iterator[Trace]:
    """Yield a trace of each task: some experts at random, then the answer that most of them gave, if one did.

    It shows the format, that one may look for the right place first, and how to take over an answer; whom to call it
    does not show. Experts are called until one has answered, and at least a drawn number of times. Whether the answer
    is right plays no part.

    Each benchmark has habits of its own, drawn at random like all else: no better than chance, but a model that learns
    them learns to look at the kind of question before it calls, which is what it takes to learn better ones.

    Args:
        env: Which tasks, experts and rules there are.
        task_ids: Of the environment's tasks.
        most_calls: The largest number that is drawn; the environment's `max_turns` limits it.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    habits: dict[str, NDArray[np.float64]] = {}
    for task_id in task_ids:
        _, info = env.reset(options={"task": task_id})
        if info["benchmark"] not in habits:
            own = rng.dirichlet(np.full(len(env.registry), _HABIT))
            habits[info["benchmark"]] = (1 - _HABITUAL) / len(own) + _HABITUAL * own
        wanted = int(rng.integers(1, min(most_calls, env.rules.max_turns) + 1))
        trace = _write(env, [], rng=rng, wanted=wanted, chances=habits[info["benchmark"]])
        if trace is not None:
            yield trace


def hindsight_traces(env: MaestroTextEnv, task_ids: Sequence[str], *, seed: int) -> Iterator[Trace]:
    """Yield a trace of each task that some calls settle: the best calls, had one known every reply; ties are drawn.

    Which of several experts happens to be right on a task is luck that no policy can foresee; what their choices have
    in common over many tasks is what there is to learn.

    Args:
        env: Its experts, its price and its number of calls are the planner's.
        task_ids: Of the environment's tasks.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    recording = env.base.recording
    terms = terms_of(env.base)
    terms = Terms(max_turns=env.rules.max_turns, answer_rule=terms.answer_rule, price=terms.price)
    chosen = take(recording, [recording.index_of(task_id) for task_id in task_ids], registry=env.registry)
    now = batch_play.start(chosen, terms)
    plans: list[list[int]] = [[] for _ in task_ids]
    while not now.ended.all():
        best = best_actions(now)
        actions = np.where(best, rng.random(best.shape), -1.0).argmax(axis=1)
        for row in np.flatnonzero(~now.ended & (actions != STOP)):
            plans[row].append(int(actions[row]))
        now = now.step(actions)
    for task_id, plan, score in zip(task_ids, plans, now.score, strict=True):
        if plan and score == 1.0:
            env.reset(options={"task": task_id})
            trace = _write(env, plan, rng=rng, wanted=len(plan), chances=np.ones(len(env.registry)))
            assert trace is not None, "a plan with a right answer has an answer"
            yield trace


def recorded_traces(path: str | Path) -> Iterator[Trace]:
    """Yield the traces of a file: a JSON object a line, `{"task_id": ..., "turns": [...]}`.

    Raises:
        ConfigurationError: There is no such file, or a line is something else.
    """
    if not Path(path).is_file():
        raise ConfigurationError(f"There is no file of traces {str(path)!r}.")
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        try:
            read = json.loads(line)
            yield Trace(task_id=read["task_id"], turns=tuple(map(str, read["turns"])))
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"Line {number} of {str(path)!r} is no trace ({error!r}); expected "
                '{"task_id": "...", "turns": ["...", ...]}.'
            ) from error


def replay(env: MaestroTextEnv, trace: Trace, *, tokeniser: Tokeniser, layout: Layout) -> Rollout:
    """Return a trace as an episode, token by token.

    Raises:
        ConfigurationError: The trace makes a format fault, or does not end where its episode does.
        UnknownNameError: A task that the environment does not hold.
    """
    episode = begin(env, trace.task_id, layout=layout, tokeniser=tokeniser)
    done: Rollout | None = None
    for turn in trace.turns:
        if done is not None:
            raise ConfigurationError(f"The trace of task {trace.task_id!r} goes on after its episode has ended.")
        # What the markup writes for the policy at the start of a turn is not written a second time.
        token_ids = tokeniser.encode(turn.removeprefix(layout.opened.strip()) if layout.opened else turn)
        if layout.template is not None:
            token_ids.append(tokeniser.end_id)
        written = Written(token_ids=tuple(token_ids), logprobs=(0.0,) * len(token_ids), finish=Finish.STOP)
        done = take_turn(env, episode, written, layout=layout, tokeniser=tokeniser)
    if done is None:
        raise ConfigurationError(f"The trace of task {trace.task_id!r} ends before its episode does.")
    if not done.well_formed:
        raise ConfigurationError(f"The trace of task {trace.task_id!r} is not well formed: {', '.join(done.faults)}.")
    return done


def _write(
    env: MaestroTextEnv,
    plan: Sequence[int],
    *,
    rng: np.random.Generator,
    wanted: int,
    chances: NDArray[np.float64],
) -> Trace | None:
    """Play calls in an episode that was just reset, and return the whole episode as it would be written.

    Returns None if no expert answered: a guess is nothing to imitate.

    Args:
        env: Where the calls are made.
        plan: Actions to begin with; experts at random once they are used up.
        rng: Draws them.
        wanted: Calls to be made; more if none has answered by then.
        chances: [P] of each expert to be drawn, in any unit.
    """
    task = moment_of(env.base).task
    turns: list[str] = []
    answer, num_calls = "", 0
    while num_calls < env.rules.max_turns and (num_calls < wanted or not answer):
        legal = np.flatnonzero(env.base.action_masks()[1:]) + 1
        if not len(legal):
            break
        action = plan[num_calls] if num_calls < len(plan) else _draw(env, legal, rng, chances=chances, first=not turns)
        expert = env.registry.experts[action - 1]
        # The first thought names the kind of question, which policies are not told: they learn to see it.
        thought = "" if turns else task.benchmark
        call = Search(model=expert.model.name, skill=expert.skill.name, query=QUERY, think=thought)
        turns.append(render(call))
        env.step(turns[-1])
        num_calls += 1
        answer = _settled(env)
    if not answer:
        return None
    turns.append(render(Answer(text=answer)))
    return Trace(task_id=task.id, turns=tuple(turns))


def _draw(
    env: MaestroTextEnv,
    legal: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    chances: NDArray[np.float64],
    first: bool,
) -> int:
    """Return one of the legal actions: for the first call a locator in some cases, else a reader if there is one."""
    actions: list[int] = legal.tolist()
    locates = np.array([env.registry.experts[action - 1].model.role == Role.LOCATOR for action in actions])
    wanted = locates if first and rng.random() < _LOCATE_FIRST else ~locates
    choices = legal[wanted] if wanted.any() else legal
    return int(rng.choice(choices, p=chances[choices - 1] / chances[choices - 1].sum()))


def _settled(env: MaestroTextEnv) -> str:
    """Return the answer that the environment's rule would settle on now; empty if no reply held one."""
    now = env.base.get_state()
    *_, info = env.base.step(STOP)
    env.base.set_state(now)
    return info["answer"] if info["outcome"] in (Outcome.CORRECT, Outcome.WRONG) else ""
