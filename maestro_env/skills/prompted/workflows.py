"""The skills that models behind endpoints can run, by the name that a registry file gives them."""

from collections.abc import Mapping
from dataclasses import dataclass

from maestro_env.errors import unknown_name
from maestro_env.skills.prompted import direct
from maestro_env.skills.prompted.base import PromptedFunction


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptedWorkflow:
    """How a tier-1 skill runs around a model behind an endpoint."""

    run: PromptedFunction
    tier2: tuple[str, ...]
    """The tier-2 skills that it dispatches to."""
    services: tuple[str, ...] = ()
    """The services that it addresses; a registry file that pairs it with a model must hold them."""


PROMPTED_WORKFLOWS: Mapping[str, PromptedWorkflow] = {
    "Direct": PromptedWorkflow(run=direct.direct, tier2=direct.TIER2),
}


def prompted_function(name: str) -> PromptedFunction:
    """Return how a tier-1 skill runs around a model behind an endpoint.

    Raises:
        UnknownNameError: No such skill; the message names the nearest ones.
    """
    if name not in PROMPTED_WORKFLOWS:
        raise unknown_name("prompted skill", name, PROMPTED_WORKFLOWS)
    return PROMPTED_WORKFLOWS[name].run
