"""Writes the parts of the pages that follow from the code: run by `make docs`, compared by tests/test_docs.py.

A part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; everything around it is written by hand.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from maestro_env.experts.recipes import RECIPES
from maestro_env.experts.weights_io import read_metadata, weights_path
from maestro_env.registry import Registry, load_registry

ROOT = Path(__file__).parent.parent


def model_table(registry: Registry, *, beyond: Registry | None = None) -> str:
    """Return a registry as a Markdown table: one row a model, its skills with the actions that name them.

    Models and skills of the registry that it goes `beyond` are left out.
    """
    lines = ["| model | what it is | skills (action) |", "|---|---|---|"]
    for model in registry.models:
        if beyond is not None and model in beyond.models:
            continue
        pairs = [expert for expert in registry.experts if expert.model == model]
        skills = ", ".join(f"`{pair.skill.name}` ({registry.action_of(pair.id)})" for pair in pairs)
        lines.append(f"| `{model.name}` | {model.description} | {skills} |")
    return "\n".join(lines)


def skill_table(registry: Registry, *, beyond: Registry | None = None) -> str:
    """Return a registry's tier-1 skills as a Markdown table, with the tier-2 skills they dispatch to."""
    lines = ["| skill | what it does | dispatches to |", "|---|---|---|"]
    for skill in registry.skills:
        if beyond is not None and skill in beyond.skills:
            continue
        tier2 = ", ".join(f"`{name}`" for name in skill.tier2) or "itself"
        lines.append(f"| `{skill.name}` | {skill.description} | {tier2} |")
    return "\n".join(lines)


def training_table() -> str:
    """Return what the shipped weights say of their training as a Markdown table, with the sum over the pool."""
    lines = [
        "| network | steps | views a step | multiply-adds of the training | held-out loss |",
        "|---|---|---|---|---|",
    ]
    total = 0
    for name, recipe in RECIPES.items():
        made = read_metadata(weights_path(name))
        spent = int(made["multiply_adds"])
        total += spent if name != "monolith" else 0
        loss = float(made["held_out_loss"])
        lines.append(
            f"| `{name}` | {int(made['steps']):,} | {recipe.batch_size} | {spent / 1e12:,.0f} T | {loss:.3f} |"
        )
    return "\n".join([*lines, f"| all but the monolith | | | {total / 1e12:,.0f} T | |"])


PARTS: Mapping[str, Callable[[], str]] = {
    "core models": lambda: model_table(load_registry("core")),
    "core skills": lambda: skill_table(load_registry("core")),
    "trainings": training_table,
    "extended models": lambda: model_table(load_registry("extended"), beyond=load_registry("core")),
    "extended skills": lambda: skill_table(load_registry("extended"), beyond=load_registry("core")),
}


def with_parts(text: str) -> str:
    """Return a page with each generated part brought up to date.

    Raises:
        KeyError: The page asks for a part that does not exist.
    """

    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- begin {name} -->\n{PARTS[name]()}\n<!-- end {name} -->"

    return re.sub(r"<!-- begin (?P<name>[\w ]+) -->\n.*?<!-- end (?P=name) -->", fill, text, flags=re.DOTALL)


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


if __name__ == "__main__":
    for page in pages():
        old = page.read_text("utf-8")
        new = with_parts(old)
        if new != old:
            page.write_text(new, "utf-8")
            print(f"wrote {page.relative_to(ROOT)}")
