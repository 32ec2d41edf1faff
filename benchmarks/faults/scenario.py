"""What is asked of the fault server: calls with and without faults, and what must become of each."""

from dataclasses import dataclass

import numpy as np

from maestro_env.connections import Connections, Endpoint
from maestro_env.fault_server import Fault, answer_to
from maestro_env.skills.prompted.answers import ANSWER_FORM
from maestro_env.types import Expert, Model, Skill, Status, Task

FAULTY = 0.2
"""Share of calls that meet a fault; for half of those that are tried again it passes after the first request."""

MAX_TRIES = 3

USD_PER_COMPLETION = 0.0002
"""The server reports 100 and 10 tokens, at 1 and 10 USD a million."""

STAYING = {
    Fault.SLOW: Status.OK,
    Fault.TAGS: Status.OK,
    Fault.ECHO: Status.OK,
    Fault.HANG: Status.TIMEOUT,
    Fault.RESET: Status.UNREACHABLE,
    Fault.BROKEN_OFF: Status.UNREACHABLE,
    Fault.ERROR: Status.UNREACHABLE,
    Fault.TOO_MANY: Status.RATE_LIMITED,
    Fault.TOO_MANY_LATER: Status.RATE_LIMITED,
    Fault.REFUSED: Status.REFUSED,
    Fault.UNAUTHORISED: Status.REFUSED,
    Fault.REDIRECT: Status.REFUSED,
    Fault.TRUNCATED_JSON: Status.MALFORMED,
    Fault.INVALID_JSON: Status.MALFORMED,
    Fault.INVALID_UTF8: Status.MALFORMED,
    Fault.WRONG_MODEL: Status.MALFORMED,
    Fault.NO_CHOICES: Status.MALFORMED,
    Fault.EMPTY: Status.MALFORMED,
    Fault.HUGE: Status.MALFORMED,
}
"""What becomes of a call that meets a fault in every request."""

_NOT_REPEATED = frozenset(
    {Fault.REFUSED, Fault.UNAUTHORISED, Fault.REDIRECT, Fault.WRONG_MODEL, Fault.EMPTY, Fault.HUGE}
)
"""Faults after which asking again is no use."""

EXPERT = Expert(
    model=Model(
        name="stub",
        description="A server that fails on purpose.",
        endpoint="stub",
        usd_per_million_prompt_tokens=1.0,
        usd_per_million_completion_tokens=10.0,
    ),
    skill=Skill(name="Direct", description="Asks once."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedCall:
    """A call, and what must become of it."""

    task: Task
    fault: Fault | None
    passes: bool
    """Whether the fault is gone at the second request."""
    status: Status
    answer: str | None
    """None where no answer may come, or where it does not tell anything."""
    num_requests: int

    @property
    def prompt(self) -> str:
        """What the server is sent."""
        return prompt_of(self.task.question)


def prompt_of(question: str) -> str:
    """Return the text of the prompt that `Direct` makes of a question without choices."""
    return f"{question}\n\n{ANSWER_FORM}"


def planned_calls(num_calls: int, *, seed: int) -> list[PlannedCall]:
    """Return different calls, in a random order, all faults as often as each other."""
    random = np.random.default_rng(seed)
    num_faulty = round(FAULTY * num_calls)
    faults = [tuple(Fault)[place % len(Fault)] for place in range(num_faulty)]
    kinds: list[Fault | None] = [*faults, *[None] * (num_calls - num_faulty)]
    return [
        _planned(nth, kinds[int(place)], every_second=bool((int(place) // len(Fault)) % 2))
        for nth, place in enumerate(random.permutation(num_calls))
    ]


def _planned(nth: int, fault: Fault | None, *, every_second: bool) -> PlannedCall:
    passes = every_second and fault is not None and fault not in _NOT_REPEATED
    question = f"Call {nth}?" if fault is None else f"Call {nth}? [fault {fault}{' x1' if passes else ''}]"
    status = Status.OK if fault is None or passes else STAYING[fault]
    if fault is None or fault in _NOT_REPEATED or STAYING[fault] is Status.OK:
        num_requests = 1
    else:
        num_requests = 2 if passes else MAX_TRIES
    is_told = status is Status.OK and fault is not Fault.ECHO
    return PlannedCall(
        task=Task(id=str(nth), benchmark="faults", split="test", question=question, images=(), gold=""),
        fault=fault,
        passes=passes,
        status=status,
        answer=answer_to(prompt_of(question)) if is_told else None,
        num_requests=num_requests,
    )


def connections_to(url: str, *, concurrent: int) -> Connections:
    """Return how the server is reached. Pauses are short, so that the run is; the breaker has a test of its own."""
    endpoint = Endpoint(
        name="stub",
        url=url,
        max_concurrent=concurrent,
        timeout_s=5.0,
        deadline_s=60.0,
        max_tries=MAX_TRIES,
        first_pause_s=0.05,
        breaker_failures=1_000_000,
        api_key_env="MAESTRO_FAULTS_KEY",
    )
    return Connections(endpoints={"stub": endpoint})
