import pytest

from maestro_env.errors import ProtocolError, UnknownNameError
from maestro_env.registry import Registry, load_registry
from maestro_env.registry_file import registry_names
from maestro_env.text.grammar import Search
from maestro_env.text.names import ExpertNames, written
from maestro_env.types import Expert, Model, Skill


def expert(model: str = "chart", skill: str = "Direct", *, about: str = "Reads.") -> Expert:
    return Expert(model=Model(name=model, description=about), skill=Skill(name=skill, description=about))


def names(*experts: Expert) -> ExpertNames:
    return ExpertNames(Registry(name="some", experts=experts))


def search(model: str, skill: str) -> Search:
    return Search(model=model, skill=skill, query="?")


@pytest.mark.parametrize("name", registry_names())
def test_names__every_shipped_registry_can_be_written(name: str) -> None:
    registry = load_registry(name)
    known = ExpertNames(registry)
    for each in registry.experts:
        assert known.action_of(search(each.model.name, each.skill.name)) == registry.action_of(each.id)


def test_names__an_expert_is_model_at_skill() -> None:
    assert written(expert()) == "chart@@Direct"


def test_names__an_unknown_expert_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown expert 'chrat@@Direct'\. Did you mean 'chart@@Direct'"):
        names(expert()).action_of(search("chrat", "Direct"))


@pytest.mark.parametrize("model", ["Chart", "chart-", "char", "chart/Direct"])
def test_names__only_exact_ones_count(model: str) -> None:
    with pytest.raises(UnknownNameError, match="Unknown expert"):
        names(expert()).action_of(search(model, "Direct"))


def test_names__a_long_unknown_name_is_not_repeated_in_full() -> None:
    with pytest.raises(UnknownNameError) as raised:
        names(expert()).action_of(search("x" * 100_000, "Direct"))
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("model", ["a@@b", "a@", " a", "a\nb", "<answer>", ""])
def test_names__one_that_cannot_be_written_is_refused(model: str) -> None:
    with pytest.raises(ProtocolError, match="model"):
        names(expert(model))


@pytest.mark.parametrize("other", ["Chart", "ｃhart", "chart."])
def test_names__that_differ_in_form_only_are_refused(other: str) -> None:
    with pytest.raises(ProtocolError, match=rf"model names 'chart' and '{other}' differ in upper and lower case"):
        names(expert(), expert(other, "Other"))


def test_names__skills_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(ProtocolError, match="skill names 'Direct' and 'direct' differ"):
        names(expert(), expert("map", "direct"))


def test_names__different_models_of_one_name_are_refused() -> None:
    other = Expert(model=Model(name="chart", description="Guesses."), skill=Skill(name="Zoom", description="Reads."))
    with pytest.raises(ProtocolError, match="Different models are called 'chart'"):
        names(expert(), other)
