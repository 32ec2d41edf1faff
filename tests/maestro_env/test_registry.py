from pathlib import Path

import pytest

from maestro_env.errors import RegistryError, UnknownNameError
from maestro_env.registry import STOP, Registry, load_registry, parse_registry
from maestro_env.registry_file import registry_names
from maestro_env.testing import fake_registry

TWO = """
[[skill]]
name = "Direct"
description = "Asks once."

[[skill]]
name = "Zoom"
description = "Looks closer."
tier2 = ["Near", "Far"]

[[model]]
name = "qwen"
description = "Reads."
skills = ["Direct", "Zoom"]
"""


def test_parse_registry__pairs_models_with_skills_in_order() -> None:
    registry = parse_registry(TWO, name="two")
    assert registry.ids == ("qwen/Direct", "qwen/Zoom")
    assert registry.expert("qwen/Zoom").skill.tier2 == ("Near", "Far")


def test_registry__action_0_stops_and_experts_follow() -> None:
    registry = parse_registry(TWO, name="two")
    assert STOP == 0
    assert [registry.action_of(expert_id) for expert_id in registry.ids] == [1, 2]
    assert registry.index_of("qwen/Zoom") == 1


def test_registry__models_and_skills_in_order_of_first_appearance() -> None:
    registry = fake_registry()
    names = ["generalist", "chart", "chart-rival", "counting", "radiology", "locator-a", "locator-b"]
    assert [model.name for model in registry.models] == names
    assert [skill.name for skill in registry.skills] == ["Direct", "Perception_Problem_Solver"]


def test_registry__unknown_id_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown expert 'qwen/Drect'\. Did you mean 'qwen/Direct'"):
        parse_registry(TWO, name="two").action_of("qwen/Drect")


@pytest.mark.parametrize("near", ["QWEN/Direct", "qwen", "my-qwen/Direct-2", "Direct"])
def test_registry__takes_exact_names_only(near: str) -> None:
    with pytest.raises(UnknownNameError, match="Unknown expert"):
        parse_registry(TWO, name="two").expert(near)


def test_registry__doubles_are_refused() -> None:
    expert = fake_registry().experts[0]
    with pytest.raises(RegistryError, match=r"'twice' lists \['generalist/Direct'\] more than once"):
        Registry(name="twice", experts=(expert, expert))


def test_registry__empty_is_refused() -> None:
    with pytest.raises(RegistryError, match="'none' is empty"):
        Registry(name="none", experts=())


def test_extends__keeps_the_meaning_of_every_action() -> None:
    core = load_registry("core")
    longer = parse_registry('extends = "core"\n' + TWO.replace('"Direct"', '"Other"'), name="longer")
    assert longer.ids[: len(core)] == core.ids
    assert longer.ids[len(core) :] == ("qwen/Other", "qwen/Zoom")
    assert longer.experts[: len(core)] == core.experts


def test_extends__may_pair_new_models_with_old_skills() -> None:
    text = 'extends = "core"\n[[model]]\nname = "qwen"\ndescription = ""\nskills = ["Direct"]'
    assert parse_registry(text, name="longer").ids[-1] == "qwen/Direct"


def test_extends__an_expert_again_is_refused() -> None:
    text = 'extends = "core"\n[[model]]\nname = "generalist"\ndescription = ""\nskills = ["Direct"]'
    with pytest.raises(RegistryError, match=r"generalist/Direct.*more than once"):
        parse_registry(text, name="double")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("[[model]\n", r"'r' is not valid TOML"),
        (TWO + "\n[[modle]]\n", r"Unknown key 'modle'\. Did you mean 'model'"),
        (TWO + 'prise = "1"\n', r"model 'qwen'.*Unknown key 'prise'"),
        (TWO.replace('"Zoom"]', '"Zom"]'), r"model 'qwen'.*Unknown skill 'Zom'\. Did you mean 'Zoom'"),
        (TWO.replace('description = "Reads."', ""), r"model 'qwen'.*description.*expected the keys"),
        (TWO + 'role = "reeder"\n', r"Unknown role 'reeder'\. Did you mean 'reader'"),
    ],
)
def test_parse_registry__says_where_and_why(broken: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        parse_registry(broken, name="r")


def test_load_registry__reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TWO, "utf-8")
    registry = load_registry(path)
    assert (registry.name, len(registry)) == ("mine", 2)


def test_load_registry__unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown registry 'cor'\. Did you mean 'core'"):
        load_registry("cor")


@pytest.mark.parametrize("name", registry_names())
def test_shipped_registries__can_be_read(name: str) -> None:
    assert len(load_registry(name)) > 1


def test_of_models__keeps_order_and_refuses_strangers() -> None:
    registry = load_registry("core")
    part = registry.of_models(["locator-a", "generalist"])
    assert part.ids == (
        "generalist/Direct", "generalist/Perception_Problem_Solver", "locator-a/Perception_Problem_Solver",
    )  # fmt: skip
    with pytest.raises(UnknownNameError, match=r"'generalists'.*Did you mean 'generalist'"):
        registry.of_models(["generalists"])


def test_shipped_registries__extend_each_other() -> None:
    core, extended, monolith = (load_registry(name).ids for name in ("core", "extended", "monolith"))
    assert extended[: len(core)] == core
    assert monolith[: len(extended)] == extended


PAIRED = 'extends = "core"\n[[pairing]]\nmodel = "math"\nskills = ["Chart_Problem_Solver"]\n'


def test_pairing__adds_experts_after_those_of_the_extended_registry() -> None:
    core = load_registry("core")
    text = PAIRED + '[[model]]\nname = "qwen"\ndescription = ""\nskills = ["Direct"]'
    registry = parse_registry(text, name="longer")
    assert registry.ids == (*core.ids, "math/Chart_Problem_Solver", "qwen/Direct")
    assert registry.expert("math/Chart_Problem_Solver").model == core.expert("math/Direct").model


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            PAIRED.replace('"math"', '"maths"'),
            r"pairing of 'maths': Unknown model of the extended.*Did you mean 'math'",
        ),
        (PAIRED.replace("Chart_P", "Chat_P"), r"pairing of 'math': Unknown skill 'Chat_Problem_Solver'. Did you mean"),
        (PAIRED.replace("skills", "skill"), r"pairing of 'math': Unknown key 'skill'. Did you mean 'skills'"),
        (PAIRED.replace("Chart_Problem_Solver", "Direct"), r"math/Direct.*more than once"),
    ],
)
def test_pairing__says_where_and_why(broken: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        parse_registry(broken, name="r")


def test_paper__five_models_with_six_skills_then_two_with_ten() -> None:
    paper, extended = load_registry("paper"), load_registry("paper_extended")
    assert len(paper) == 5 * 6
    # Four more skills for the five models, and ten for each of the two new ones.
    assert len(extended) == 5 * 6 + 5 * 4 + 2 * 10
    assert extended.ids[: len(paper)] == paper.ids
