"""Lessons: what is forgotten, who is a stranger, how useful it is to ask."""

from dataclasses import replace

import numpy as np

from maestro_agents.lessons import familiar, forgetting, of_same_models, readers, specialists, usefulness
from maestro_env.registry import Registry
from maestro_env.types import Expert, Model, Role, Skill
from tests.agents.conftest import HandMade


def expert(model: str, skill: str = "Direct", *, role: str = Role.READER) -> Expert:
    return Expert(
        model=Model(name=model, description="By hand.", role=role), skill=Skill(name=skill, description="Asks.")
    )


EXPERTS = (expert("a"), expert("a", "Zoom"), expert("b"), expert("locator", role=Role.LOCATOR))


def test_forgetting__asks_the_first_and_remembers_none_of_the_forgotten() -> None:
    benchmarks = np.array(["chart"] * 10 + ["earth"] * 10 + ["search"] * 10)
    rows = forgetting(benchmarks, ["earth", "chart"], size=4, memory=6, rng=np.random.default_rng(0))
    assert len(set(rows.asked.tolist())) == 4
    assert set(benchmarks[rows.asked]) == {"earth"}
    assert len(set(rows.remembered.tolist())) == 6
    assert set(benchmarks[rows.remembered]) == {"search"}


def test_familiar__asks_at_most_half_and_remembers_others() -> None:
    rows = familiar(10, size=8, memory=100, rng=np.random.default_rng(0))
    assert len(rows.asked) == 5
    assert sorted([*rows.asked, *rows.remembered]) == list(range(10))
    rows = familiar(10, size=2, memory=3, rng=np.random.default_rng(0))
    assert len({*rows.asked, *rows.remembered}) == 2 + 3


def test_specialists__the_best_readers() -> None:
    # Levels 0.5, 1, 0.75 and a locator's 1: four fifths of the best are 0.8.
    scores = np.array([[1, 1, 1, 1], [0, 1, 0.5, 1]])
    assert readers(EXPERTS).tolist() == [True, True, True, False]
    assert specialists(EXPERTS, scores, share=0.8).tolist() == [False, True, False, False]
    assert specialists(EXPERTS, scores, share=0.7).tolist() == [False, True, True, False]


def test_of_same_models__all_skills_of_a_chosen_model() -> None:
    assert of_same_models(EXPERTS, np.array([False, True, False, False])).tolist() == [True, True, False, False]
    assert of_same_models(EXPERTS, np.zeros(4, bool)).tolist() == [False] * 4


def test_usefulness__a_locator_is_as_good_as_the_readers_where_it_led(hand_made: HandMade) -> None:
    # Expert 2 locates, and stays where it is in context 1, where one of the two readers is right.
    recording = hand_made([["wr1", "rw."]])
    experts = recording.registry.experts
    locator = replace(experts[2], model=replace(experts[2].model, role=Role.LOCATOR))
    recording = replace(recording, registry=Registry(name="hand", experts=(*experts[:2], locator)))
    assert usefulness(recording, np.array([0])).tolist() == [[[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]]]
