"""The skills that models behind endpoints can run, by the name that a registry file gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maestro_env.errors import unknown_name
from maestro_env.skills.prompted import chart, code, counting, direct, geometry, perception, science
from maestro_env.skills.prompted.base import PromptedFunction
from maestro_env.skills.prompted.diagrams import router as diagrams
from maestro_env.skills.prompted.embodied import router as embodied
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.text_reading import router as text_reading


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptedWorkflow:
    """How a tier-1 skill runs around a model behind an endpoint."""

    run: PromptedFunction
    tier2: tuple[str, ...]
    """The tier-2 skills that it dispatches to."""
    services: tuple[str, ...] = ()
    """The services that it addresses; a registry file that pairs it with a model must hold them."""


def _services_of(skills: Sequence[FocusedSkill]) -> tuple[str, ...]:
    """Return the services that any of some tier-2 skills addresses."""
    return tuple(dict.fromkeys(service for skill in skills for service in skill.wants.services))


PROMPTED_WORKFLOWS: Mapping[str, PromptedWorkflow] = {
    "Direct": PromptedWorkflow(run=direct.direct, tier2=direct.TIER2),
    "Geometric_Problem_Solver": PromptedWorkflow(
        run=geometry.geometry, tier2=geometry.TIER2, services=geometry.WANTS.services
    ),
    "Chart_Problem_Solver": PromptedWorkflow(run=chart.chart, tier2=chart.TIER2, services=chart.WANTS.services),
    "Science_Problem_Solver": PromptedWorkflow(
        run=science.science, tier2=science.TIER2, services=science.WANTS.services
    ),
    "Counting_Problem_Solver": PromptedWorkflow(
        run=counting.counting, tier2=counting.TIER2, services=counting.WANTS.services
    ),
    "Perception_Problem_Solver": PromptedWorkflow(
        run=perception.perception, tier2=perception.TIER2, services=perception.WANTS.services
    ),
    "Code_Problem_Solver": PromptedWorkflow(run=code.code, tier2=code.TIER2),
    "Embodied_Scene_QA_Skill": PromptedWorkflow(
        run=embodied.embodied, tier2=embodied.TIER2, services=_services_of(embodied.SKILLS)
    ),
    "OCR_Problem_Solver": PromptedWorkflow(
        run=text_reading.text_reading, tier2=text_reading.TIER2, services=_services_of(text_reading.SKILLS)
    ),
    "Diagram_Reasoning_Skill": PromptedWorkflow(
        run=diagrams.diagrams, tier2=diagrams.TIER2, services=_services_of(diagrams.SKILLS)
    ),
}


def prompted_function(name: str) -> PromptedFunction:
    """Return how a tier-1 skill runs around a model behind an endpoint.

    Raises:
        UnknownNameError: No such skill; the message names the nearest ones.
    """
    if name not in PROMPTED_WORKFLOWS:
        raise unknown_name("prompted skill", name, PROMPTED_WORKFLOWS)
    return PROMPTED_WORKFLOWS[name].run
