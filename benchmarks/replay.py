"""Episodes played again from their calls, to see what is not written down: the answer after every call."""

from collections.abc import Sequence

from maestro_env import dynamics
from maestro_env.dynamics import Rules, State, make_world
from maestro_env.recordings.recording import Recording
from maestro_env.registry import STOP
from maestro_env.render import Frame, make_frame
from maestro_env.types import AnswerRule, Outcome


class Replay:
    """Plays calls again on recorded tasks."""

    def __init__(self, test: Recording, *, max_turns: int, rule: AnswerRule) -> None:
        """Keep what the episodes were played in.

        Args:
            test: The tasks, and the experts that could be called.
            max_turns: Calls an episode may hold.
            rule: How an episode's answer is settled.
        """
        self.test = test
        self._rules = Rules(max_turns=max_turns, answer_rule=rule)
        self._world = make_world(test, test.registry)
        self._right: dict[tuple[int, tuple[str, ...]], tuple[bool, ...]] = {}

    def right_after(self, task: int, experts: Sequence[str]) -> tuple[bool, ...]:
        """Return, for each call of an episode, whether the answer would be right if it ended there.

        Args:
            task: Place of the task.
            experts: Ids of the experts called, in order.
        """
        key = (task, tuple(experts))
        if key not in self._right:
            states = self._states(task, experts)[1:]
            settled = (dynamics.settle(self._world, self._rules, state).outcome for state in states)
            self._right[key] = tuple(outcome is Outcome.CORRECT for outcome in settled)
        return self._right[key]

    def frame(self, task: int, experts: Sequence[str]) -> Frame:
        """Return what there is to see of an episode at its end."""
        state = self._states(task, experts)[-1]
        if not state.ended:
            state = dynamics.step(self._world, self._rules, state, STOP)
        return make_frame(self._world, self._rules, state)

    def _states(self, task: int, experts: Sequence[str]) -> list[State]:
        states = [dynamics.reset(self._world, task)]
        for expert_id in experts:
            action = self.test.registry.action_of(expert_id)
            states.append(dynamics.step(self._world, self._rules, states[-1], action))
        return states


def wasted_calls(right_after: Sequence[bool]) -> int:
    """Return how many calls an episode made after its answer was first right; 0 where it never was."""
    return len(right_after) - 1 - right_after.index(True) if True in right_after else 0
