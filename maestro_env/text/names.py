"""How a registry's experts are written, `Model@@Skill`, and which action each name stands for. Exact names only."""

from collections.abc import Sequence

from maestro_env.errors import ProtocolError, unknown_name
from maestro_env.registry import Registry
from maestro_env.scoring import normalise
from maestro_env.text.grammar import Search
from maestro_env.types import Expert, Model, Skill

_SHOWN_CHARS = 120
"""How much of an unknown name a message repeats."""


def written(expert: Expert) -> str:
    """Return how an expert is written.

    Raises:
        ProtocolError: Its names cannot be written in a search.
    """
    return Search(model=expert.model.name, skill=expert.skill.name, query="?").expert


class ExpertNames:
    """The names of a registry's experts."""

    def __init__(self, registry: Registry) -> None:
        """Check that every expert can be written, and that a reader can keep the names apart.

        Raises:
            ProtocolError: A name that cannot be written, names that differ in case or form only, or different models
                or skills of one name.
        """
        self._action_of = {written(expert): 1 + i for i, expert in enumerate(registry.experts)}
        _refuse_collisions("model", [expert.model for expert in registry.experts])
        _refuse_collisions("skill", [expert.skill for expert in registry.experts])

    def action_of(self, search: Search) -> int:
        """Return the action (1 and up) that invokes the expert of a search.

        Raises:
            UnknownNameError: No such expert; the message names the nearest ones.
        """
        action = self._action_of.get(search.expert)
        if action is None:
            raise unknown_name("expert", search.expert[:_SHOWN_CHARS], self._action_of)
        return action


def _refuse_collisions(kind: str, named: Sequence[Model] | Sequence[Skill]) -> None:
    first_of: dict[str, Model | Skill] = {}
    for each in named:
        first = first_of.setdefault(normalise(each.name), each)
        if first.name != each.name:
            raise ProtocolError(
                f"The {kind} names {first.name!r} and {each.name!r} differ in upper and lower case or in the form of "
                "letters only; a policy could not keep them apart. Rename one."
            )
        if first != each:
            raise ProtocolError(
                f"Different {kind}s are called {each.name!r}, and a prompt can describe one of them only. Give each a "
                "name of its own."
            )
