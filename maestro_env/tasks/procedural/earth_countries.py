"""Maps of countries in `earth`: lettered regions over sea, one letter ringed. Other kinds of map are earth.py's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import hypot, pi

import numpy as np

from maestro_env.tasks.procedural.atlas import (
    BORDER,
    INK,
    MIN_MARGIN,
    NUM_ANGLES,
    PAPER,
    SEA,
    SHORE,
    Drawn,
    Grid,
    build_warp,
    draw_label,
    lengths_of,
    points_of,
)
from maestro_env.tasks.procedural.canvas import Canvas, Colour, distance, mixed
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.family import Query
from maestro_env.tasks.procedural.wordings import COLOURS, LETTERS, Intent

MAX_REGIONS = 7
"""Of which two share a colour."""

_RING = 0.6
"""Radius of the ring around the marked region's letter, as a share of the font size."""

_ASK_REGION = ("Which region is ringed?", "Which region's letter has a ring around it?", "Name the ringed region.")
_ASK_REGION_COLOUR = ("What colour is the ringed region?", "Which colour has the region with the ring?")
_ASK_COLOUR_OF = ("What colour is region {}?", "Which colour has region {}?", "In what colour is region {} printed?")
_ASK_REGION_OF = ("Which region is {}?", "Which letter has the {} region?", "Name the region that is {}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Country:
    """A land cut into the Voronoi cells of its sites, before its borders are warped."""

    sites: Grid
    """[regions, 2]"""
    normals: Grid
    """[sides, 2] outward normals of the convex coast."""
    offsets: Grid
    """[sides] distances of the coast's sides from the middle of the map."""

    def margins(self, points: Grid, region: int, grown: float = 0.0) -> Grid:
        """Return how deep points lie in a region; negative outside. `grown` moves the coast only."""
        coast = np.min(self.offsets + grown - (points - 0.5) @ self.normals.T, axis=-1)
        to_site = lengths_of(points - self.sites[region]) ** 2
        depths = [coast]
        for j, other in enumerate(self.sites):
            if j != region:
                gap = hypot(*(other - self.sites[region]))
                depths.append((lengths_of(points - other) ** 2 - to_site) / (2 * gap))
        return np.min(depths, axis=0)

    def cell(self, region: int, inset: float) -> Grid:
        """Return the outline of a region [angles, 2], moved inwards by a width."""
        site = self.sites[region]
        others = np.delete(self.sites, region, axis=0) - site
        lengths = lengths_of(others)
        normals = np.concatenate([self.normals, others / lengths[:, None]])
        depths = np.concatenate([self.offsets - self.normals @ (site - 0.5), lengths / 2]) - inset
        return site + _star(normals, depths)

    def coast(self, grown: float) -> Grid:
        return 0.5 + _star(self.normals, self.offsets + grown)


def _star(normals: Grid, depths: Grid) -> Grid:
    """Return the outline [angles, 2] of an intersection of half planes around the origin."""
    angles = np.linspace(0, 2 * pi, NUM_ANGLES, endpoint=False)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    slopes = np.maximum(rays @ normals.T, 1e-9)
    return rays * np.min(depths / slopes, axis=-1, keepdims=True)


def _build_country(rng: np.random.Generator, count: int) -> Country:
    num_sides = 9
    angles = 2 * pi * (np.arange(num_sides) + rng.random(num_sides) * 0.6) / num_sides
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    offsets = rng.uniform(0.4, 0.45, num_sides)
    points = 0.5 + rng.uniform(-0.45, 0.45, (500, 2))
    land = points[np.min(offsets - (points - 0.5) @ normals.T, axis=-1) > 0]
    sites = land[:count]
    # Two of Lloyd's steps: regions of similar size that still look grown, not designed.
    for _ in range(2):
        nearest = np.argmin(lengths_of(land[:, None] - sites), axis=1)
        sites = np.stack([land[nearest == i].mean(axis=0) for i in range(count)])
    return Country(sites=sites, normals=normals, offsets=offsets)


def draw_regions(rng: np.random.Generator, size_px: int, difficulty: float) -> Drawn:
    """Draw four to seven regions; ask for the ringed one, for others by letter or colour, and for their number."""
    count = int(rng.integers(4, round(between(6, MAX_REGIONS, difficulty)) + 1))
    text = between(0.16, 0.125, difficulty)
    least = between(0.028, 0.012, difficulty)
    marked, ring = int(rng.integers(count)), _RING * text
    while True:
        country, warp = _build_country(rng, count), build_warp(rng, between(0.7, 1.0, difficulty))
        labels = warp(_place_labels(rng, country))
        outlines = [warp(country.cell(i, 0.0)) for i in range(count)]
        depths = [float(lengths_of(o - p).min()) for o, p in zip(outlines, labels, strict=True)]
        margin, label_margin = depths[marked] - ring, min(depths) - 0.4 * text
        if margin > least and label_margin > MIN_MARGIN:
            break
    names = _region_colours(rng, count)
    fade = between(0.1, 0.38, difficulty) * float(rng.uniform(0.7, 1.0))
    tints = [mixed(COLOURS[name], PAPER, fade) for name in names]
    letters = [LETTERS[int(i)] for i in rng.permutation(len(LETTERS))[:count]]
    canvas = Canvas(size_px, SEA)
    _draw_graticule(canvas, rng)
    for k in range(4):
        canvas.polygon(points_of(warp(country.coast(0.048 - 0.012 * k))), mixed(SEA, SHORE, 0.14 + 0.14 * k))
    for outline in outlines:
        canvas.polygon(points_of(outline), BORDER)
    for i, tint in enumerate(tints):
        canvas.polygon(points_of(warp(country.cell(i, 0.0045))), tint)
    for i, ((x, y), letter, tint) in enumerate(zip(points_of(labels), letters, tints, strict=True)):
        if i == marked:
            canvas.circle(x, y, ring, (255, 255, 255), INK, 0.2 * ring)
        draw_label(canvas, (x, y), letter, text, INK, mixed(tint, (255, 255, 255), 0.6))
    measured: dict[str, float | int] = {
        "num_elements": count,
        "contrast": _least_contrast([*dict(zip(names, tints, strict=True)).values(), SEA]),
        "text": text,
        "margin": min(margin, label_margin),
    }
    return canvas.finish(), _region_queries(rng, letters, names, marked), measured


def _least_contrast(tints: Sequence[Colour]) -> float:
    return min(distance(one, other) for one, other in combinations(tints, 2))


def _region_colours(rng: np.random.Generator, count: int) -> list[str]:
    """Return a colour a region; the seventh repeats one of the first six."""
    names = [list(COLOURS)[int(i)] for i in rng.permutation(len(COLOURS))]
    return [*names, pick(names, rng)][:count]


def _region_queries(rng: np.random.Generator, letters: list[str], names: list[str], marked: int) -> tuple[Query, ...]:
    letter_query = Query(intent=Intent.LETTER, answer=letters[marked], question=pick(_ASK_REGION, rng))
    colour_query = Query(intent=Intent.COLOUR, answer=names[marked], question=pick(_ASK_REGION_COLOUR, rng))
    single = [i for i, name in enumerate(names) if names.count(name) == 1]
    if rng.random() < 0.5:
        asked = single[int(rng.integers(len(single)))]
        question = pick(_ASK_REGION_OF, rng).format(names[asked])
        letter_query = Query(intent=Intent.LETTER, answer=letters[asked], question=question)
    if rng.random() < 0.5:
        asked = int(rng.integers(len(names)))
        question = pick(_ASK_COLOUR_OF, rng).format(letters[asked])
        colour_query = Query(intent=Intent.COLOUR, answer=names[asked], question=question)
    return (
        Query(intent=Intent.LETTER, answer=letters[marked]),
        Query(intent=Intent.COLOUR, answer=names[marked]),
        Query(intent=Intent.COUNT, answer=str(len(names))),
        letter_query,
        colour_query,
    )


def _place_labels(rng: np.random.Generator, country: Country) -> Grid:
    """Return [regions, 2] where letters stand before the warp: deep in their regions."""
    points = rng.uniform(0.06, 0.94, (700, 2))
    return np.stack([points[np.argmax(country.margins(points, i))] for i in range(len(country.sites))])


def _draw_graticule(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw faint meridians and parallels over the sea."""
    start = float(rng.uniform(0.0, 0.2))
    for k in range(5):
        at = start + 0.2 * k
        for ends in ([(at, 0.0), (at, 1.0)], [(0.0, at), (1.0, at)]):
            canvas.line(ends, mixed(SEA, SHORE, 0.35), 0.003)
