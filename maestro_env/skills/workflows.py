"""The skills that this package can run, by the name that a catalog gives them."""

from collections.abc import Mapping
from dataclasses import dataclass

from maestro_env.errors import RegistryError, unknown_name
from maestro_env.registry import Registry
from maestro_env.skills import chart, code, counting, diagram, direct, embodied, geometry, ocr, perception, science
from maestro_env.skills.base import SkillFunction


@dataclass(frozen=True, kw_only=True, slots=True)
class Workflow:
    """How a tier-1 skill runs."""

    run: SkillFunction
    tier2: tuple[str, ...]
    """The tier-2 skills that it dispatches to."""


WORKFLOWS: Mapping[str, Workflow] = {
    "Direct": Workflow(run=direct.direct, tier2=direct.TIER2),
    "Perception_Problem_Solver": Workflow(run=perception.perception, tier2=perception.TIER2),
    "Counting_Problem_Solver": Workflow(run=counting.counting, tier2=counting.TIER2),
    "Chart_Problem_Solver": Workflow(run=chart.chart, tier2=chart.TIER2),
    "Geometric_Problem_Solver": Workflow(run=geometry.geometry, tier2=geometry.TIER2),
    "Science_Problem_Solver": Workflow(run=science.science, tier2=science.TIER2),
    "Diagram_Reasoning_Skill": Workflow(run=diagram.diagram, tier2=diagram.TIER2),
    "Embodied_Scene_QA_Skill": Workflow(run=embodied.embodied, tier2=embodied.TIER2),
    "OCR_Problem_Solver": Workflow(run=ocr.ocr, tier2=ocr.TIER2),
    "Code_Problem_Solver": Workflow(run=code.code, tier2=code.TIER2),
}


def skill_function(name: str) -> SkillFunction:
    """Return how a tier-1 skill runs.

    Raises:
        UnknownNameError: No such skill; the message names the nearest ones.
    """
    if name not in WORKFLOWS:
        raise unknown_name("skill", name, WORKFLOWS)
    return WORKFLOWS[name].run


def check_skills(registry: Registry) -> None:
    """Check that every skill of a registry can be run here, with the tier-2 skills that it claims.

    Raises:
        RegistryError: A skill that is not in `WORKFLOWS`, or that lists other tier-2 skills than its workflow has.
    """
    for skill in registry.skills:
        where = f"Registry {registry.name!r}"
        if skill.name not in WORKFLOWS:
            unknown = unknown_name("skill", skill.name, WORKFLOWS)
            raise RegistryError(f"{where} names a skill that cannot be run here. {unknown}")
        has = WORKFLOWS[skill.name].tier2
        if skill.tier2 != has:
            raise RegistryError(
                f"{where}: skill {skill.name!r} lists the tier-2 skills {list(skill.tier2)}, but it has {list(has)}; "
                "correct its tier2 in the catalog."
            )
