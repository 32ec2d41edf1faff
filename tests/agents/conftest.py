"""Fixtures for agents: environments over a made-up recording, and a recording of one task written by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from maestro_env.env import MaestroEnv
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import Registry
from maestro_env.testing import fake_recording
from maestro_env.types import Expert, Model, Skill, Task

HandMade = Callable[..., Recording]


@pytest.fixture(scope="session")
def recording() -> Recording:
    return fake_recording(num_tasks=400)


@pytest.fixture
def train_env(recording: Recording) -> MaestroEnv:
    return MaestroEnv(recording=recording, registry=None, split="train")


@pytest.fixture
def test_env(recording: Recording) -> MaestroEnv:
    return MaestroEnv(recording=recording, registry=None, split="test")


@pytest.fixture
def hand_made() -> HandMade:
    """A function that writes a recording down by hand: tasks x contexts x experts, answers as one-letter strings.

    `.` gives no answer, `1` and `2` move to that context without an answer, `!` was not recorded; anything else is an
    answer, and `r` is the right one.
    """

    def make(
        tasks: list[list[str]], *, confidence: float = 0.5, benchmarks: list[str] | None = None, cost: float = 1.0
    ) -> Recording:
        replies = np.array([[list(row) for row in contexts] for contexts in tasks])
        size, slots, experts = replies.shape
        answers = tuple(sorted(set(replies.flatten()) - set(".12!")))
        skill = Skill(name="Direct", description="Asks once.")
        registry = Registry(
            name="hand",
            experts=tuple(
                Expert(model=Model(name=f"m{p}", description="By hand."), skill=skill) for p in range(experts)
            ),
        )
        moves = np.isin(replies, ["1", "2"])
        slot_of = np.where(moves, replies, "0").astype(np.int16)
        here = np.broadcast_to(np.arange(slots, dtype=np.int16)[None, :, None], replies.shape)
        unrecorded = replies == "!"
        answer = np.array([answers.index(reply) if reply in answers else MISSING for reply in replies.flatten()])
        shape = replies.shape
        names = benchmarks or ["b"] * size
        return Recording(
            name="hand",
            registry=registry,
            cost_unit="passes",
            tasks=tuple(
                Task(id=f"{names[n]}/train/{n}", benchmark=names[n], split="train", question="?", images=(), gold="r")
                for n in range(size)
            ),
            context_ids=(tuple(["whole", "region:a", "region:b"][:slots]),) * size,
            boxes=np.full((size, slots, 4), np.nan, np.float32),
            question=np.zeros((size, 2), np.float32),
            view=np.zeros((size, slots, 2), np.float16),
            answers=answers,
            texts=("text",),
            tier2=(),
            status=np.where(unrecorded, MISSING, 0).astype(np.int8),
            answer=answer.reshape(shape).astype(np.int32),
            text=np.where(unrecorded, MISSING, 0).astype(np.int32),
            skill_tier2=np.full(shape, MISSING, np.int16),
            next_context=np.where(unrecorded, MISSING, np.where(moves, slot_of, here)).astype(np.int16),
            confidence=np.full(shape, confidence, np.float32),
            score=(replies == "r").astype(np.float32),
            passes=np.where(unrecorded, 0.0, cost).astype(np.float32),
            cost_usd=np.zeros(shape, np.float32),
            latency_s=np.zeros(shape, np.float32),
            tokens=np.zeros((*shape, 2), np.int32),
        )

    return make
