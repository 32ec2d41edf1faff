"""How each embedded expert is trained: on which views, from which start, for how many steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from maestro_env.errors import unknown_name
from maestro_env.tasks.procedural.generate import SCENE_FAMILIES

GENERALIST_SHARE = 0.12
"""Share of a specialist's views that come from the generalist's mixture: it keeps the rest from being forgotten."""


class Architecture(StrEnum):
    """Which network of `network.py` an expert is."""

    READER = "reader"
    MONOLITH = "monolith"
    GLYPHS = "glyphs"
    LOCATOR = "locator"
    VIEWER = "viewer"


class Corruption(StrEnum):
    """What training views suffer, so that rivals err on different pictures."""

    NONE = "none"
    GRAIN = "grain"
    """Noise."""
    FADE = "fade"
    """Blur and low contrast."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One expert's training."""

    expert: str
    architecture: Architecture
    sources: Mapping[str, float]
    """Source of the pool -> share of the views; sums to 1."""
    steps: int
    start_from: str = ""
    """The expert whose weights training starts from; empty for random weights."""
    corruption: Corruption = Corruption.NONE
    peak_learning_rate: float = 2e-3
    batch_size: int = 192


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {source: weight / total for source, weight in weights.items()}


_PLAIN = (*SCENE_FAMILIES, "visual_search", "visual_math")
_CORE = _shares(
    {f"plain/{name}": 1.0 for name in _PLAIN}
    | {f"patch/{name}": 1.0 for name in SCENE_FAMILIES}
    | {"window/counting": 0.7, "window/visual_search": 1.0, "scene/windows": 0.8, "primer/signs": 3.0}
)
"""What the benchmarks of the core registry show."""
_KINDS = _shares(_CORE | {"plain/embodied": _CORE["plain/chart"], "plain/diagrams": _CORE["plain/chart"]})
"""What benchmarks of both registries show: the kinds of pictures that views are told apart by."""
_EVERYTHING = _shares(_KINDS | {"close/geometry": 0.5 * _CORE["plain/chart"]})
"""What all readers together are trained on."""

_LETTERED_STEPS = 1500
"""Steps of specialists whose figures hold letters: small print takes the longest to learn."""


def _specialist(
    expert: str,
    family: str,
    *,
    own: Mapping[str, float] | None = None,
    corruption: Corruption = Corruption.NONE,
    steps: int = 1000,
) -> Recipe:
    mixture = own or {f"plain/{family}": 1.0, f"patch/{family}": 1.0, "scene/windows": 0.15}
    mixture = {**mixture, "primer/signs": 0.15 * sum(mixture.values())}
    shares = {source: share * (1 - GENERALIST_SHARE) for source, share in _shares(mixture).items()}
    for source, share in _CORE.items():
        shares[source] = shares.get(source, 0.0) + share * GENERALIST_SHARE
    return Recipe(
        expert=expert,
        architecture=Architecture.READER,
        sources=shares,
        steps=steps,
        start_from="generalist",
        corruption=corruption,
        peak_learning_rate=1.5e-3,
    )


def _locator(expert: str, *families: str) -> Recipe:
    return Recipe(
        expert=expert,
        architecture=Architecture.LOCATOR,
        sources=_shares({f"locate/{name}": 1.0 for name in families}),
        steps=1300,
        batch_size=64,
    )


_ALL_RECIPES = (
    Recipe(expert="generalist", architecture=Architecture.READER, sources=_CORE, steps=3600),
    _specialist("chart-a", "chart", corruption=Corruption.GRAIN),
    _specialist("chart-b", "chart", corruption=Corruption.FADE),
    _specialist(
        "geometry",
        "geometry",
        own={"plain/geometry": 1.0, "patch/geometry": 0.8, "close/geometry": 0.4, "scene/windows": 0.12},
        steps=3 * _LETTERED_STEPS,
    ),
    _specialist("microscopy-a", "microscopy", corruption=Corruption.GRAIN),
    _specialist("microscopy-b", "microscopy", corruption=Corruption.FADE),
    _specialist("earth", "earth", steps=5 * _LETTERED_STEPS // 3),
    _specialist("radiology-a", "radiology", corruption=Corruption.GRAIN, steps=_LETTERED_STEPS),
    _specialist("radiology-b", "radiology", corruption=Corruption.FADE, steps=_LETTERED_STEPS),
    _specialist(
        "counting",
        "counting",
        own={"plain/counting": 1.0, "window/counting": 1.0, "patch/counting": 1.0, "scene/windows": 0.15},
    ),
    _specialist("math", "visual_math", own={"plain/visual_math": 1.0}),
    _specialist("search", "visual_search", own={"plain/visual_search": 0.4, "window/visual_search": 1.6}),
    _specialist("embodied", "embodied", own={"plain/embodied": 1.0}),
    _specialist("diagrams", "diagrams", own={"plain/diagrams": 1.0}),
    Recipe(
        expert="glyphs",
        architecture=Architecture.GLYPHS,
        sources={"glyph/lines": 1.0},
        steps=2000,
    ),
    _locator("locator-a", "chart", "geometry", "earth"),
    _locator("locator-b", "microscopy", "radiology", "counting", "visual_search"),
    Recipe(expert="view", architecture=Architecture.VIEWER, sources=_KINDS, steps=900),
    Recipe(expert="monolith", architecture=Architecture.MONOLITH, sources=_EVERYTHING, steps=9000),
)
RECIPES: Mapping[str, Recipe] = {recipe.expert: recipe for recipe in _ALL_RECIPES}
"""Expert -> recipe, in an order in which each can start from what was trained before."""


def recipe_of(expert: str) -> Recipe:
    """Return the recipe of an expert.

    Raises:
        UnknownNameError: No such expert; the message names the nearest ones.
    """
    if expert not in RECIPES:
        raise unknown_name("embedded expert", expert, RECIPES)
    return RECIPES[expert]
