"""The registry: which expert an action names. The lists themselves are the TOML files in `catalog/`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from maestro_env.errors import RegistryError, unknown_name
from maestro_env.registry_file import entry_of, read_registry_file, tables_in
from maestro_env.types import Expert, Model, Role, Skill

_PAIRING_KEYS = ("model", "skills")

STOP = 0
"""The action that ends the episode and settles its answer; action 1 + i invokes expert i."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """An ordered, immutable list of experts; appending experts never changes what an action means."""

    name: str
    experts: tuple[Expert, ...]

    def __post_init__(self) -> None:
        ids = [expert.id for expert in self.experts]
        doubles = sorted({expert_id for expert_id in ids if ids.count(expert_id) > 1})
        if doubles:
            raise RegistryError(
                f"Registry {self.name!r} lists {doubles} more than once; every expert id must be unique."
            )
        if not ids:
            raise RegistryError(f"Registry {self.name!r} is empty; give it at least one expert.")

    def __len__(self) -> int:
        return len(self.experts)

    @property
    def ids(self) -> tuple[str, ...]:
        """Expert ids in action order."""
        return tuple(self._index)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {expert.id: i for i, expert in enumerate(self.experts)}

    @property
    def models(self) -> tuple[Model, ...]:
        """The models, in order of first appearance."""
        return tuple({expert.model.name: expert.model for expert in self.experts}.values())

    @property
    def skills(self) -> tuple[Skill, ...]:
        """The tier-1 skills, in order of first appearance."""
        return tuple({expert.skill.name: expert.skill for expert in self.experts}.values())

    def index_of(self, expert_id: str) -> int:
        """Return an expert's place, 0 to `len(self) - 1`.

        Raises:
            UnknownNameError: No such id; the message names the nearest ones.
        """
        try:
            return self._index[expert_id]
        except KeyError:
            raise unknown_name("expert", expert_id, self._index) from None

    def action_of(self, expert_id: str) -> int:
        """Return the action (1 and up; 0 is STOP) that invokes an expert.

        Raises:
            UnknownNameError: No such id; the message names the nearest ones.
        """
        return 1 + self.index_of(expert_id)

    def of_models(self, names: Sequence[str]) -> "Registry":
        """Return the registry of some models' experts, in this one's order.

        Raises:
            UnknownNameError: No such model; the message names the nearest ones.
        """
        known = [model.name for model in self.models]
        for name in names:
            if name not in known:
                raise unknown_name("model", name, known)
        kept = tuple(expert for expert in self.experts if expert.model.name in names)
        return Registry(name=self.name, experts=kept)

    def expert(self, expert_id: str) -> Expert:
        """Return an expert by its id.

        Raises:
            UnknownNameError: No such id; the message names the nearest ones.
        """
        return self.experts[self.index_of(expert_id)]


def load_registry(name_or_path: str | Path) -> Registry:
    """Load a shipped registry by name, or anyone's own from a TOML file.

    Raises:
        UnknownNameError: Neither a shipped name nor an existing file.
        RegistryError: The file is not a registry; the message says where and why.
    """
    file = read_registry_file(name_or_path)
    return parse_registry(file.text, name=file.name)


def parse_registry(text: str, *, name: str) -> Registry:
    """Build a registry from the text of a catalog file.

    The file holds `[[model]]` tables (the fields of `Model`, and `skills`: names of the skills it pairs with),
    `[[skill]]` tables (the fields of `Skill`), and optionally `extends`: a shipped registry whose experts come first.
    A `[[pairing]]` table (`model` and `skills`) pairs a model of that registry with further skills; the experts of
    pairings come after the extended registry's own, and before those of the file's models.
    What else it holds about endpoints is read by connections.py, and about servers by serving.py.

    Raises:
        RegistryError: Not TOML, an unknown or missing key, or a model that names an unknown skill.
    """
    document = tables_in(text, name=name)
    base = load_registry(document["extends"]).experts if "extends" in document else ()
    skills = {expert.skill.name: expert.skill for expert in base}
    for table in document.get("skill", ()):
        skill = entry_of(Skill, table, where=f"registry {name!r}, skill {table.get('name')!r}")
        skills[skill.name] = skill
    experts = [*base, *_paired(document.get("pairing", ()), base, skills, name=name)]
    for table in document.get("model", ()):
        where = f"registry {name!r}, model {table.get('name')!r}"
        pairs = table.get("skills", ())
        model = entry_of(Model, {key: value for key, value in table.items() if key != "skills"}, where=where)
        if model.role not in tuple(Role):
            raise RegistryError(f"{where}: {unknown_name('role', model.role, tuple(Role))}")
        experts += _experts(model, pairs, skills, where=where)
    return Registry(name=name, experts=tuple(experts))


def _paired(
    tables: Sequence[Mapping[str, Any]], base: Sequence[Expert], skills: Mapping[str, Skill], *, name: str
) -> Iterator[Expert]:
    """Yield the experts of the `[[pairing]]` tables."""
    models = {expert.model.name: expert.model for expert in base}
    for table in tables:
        where = f"registry {name!r}, pairing of {table.get('model')!r}"
        for key in table:
            if key not in _PAIRING_KEYS:
                raise RegistryError(f"{where}: {unknown_name('key', key, _PAIRING_KEYS)}")
        if table.get("model") not in models:
            raise RegistryError(
                f"{where}: {unknown_name('model of the extended registry', table.get('model'), models)}"
            )
        yield from _experts(models[table["model"]], table.get("skills", ()), skills, where=where)


def _experts(model: Model, names: Sequence[str], skills: Mapping[str, Skill], *, where: str) -> Iterator[Expert]:
    for name in names:
        if name not in skills:
            raise RegistryError(f"{where}: {unknown_name('skill', name, skills)}")
        yield Expert(model=model, skill=skills[name])
