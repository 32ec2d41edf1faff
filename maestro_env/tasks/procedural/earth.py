"""The family `earth`: sheets of a small atlas: regions over sea, contour lines, lettered points, a thematic map.

What `it` means: the region with the ring, the summit, the highest point, the ringed place of the thematic map.
What is counted: regions, contour lines, colours of the legend. Terrain is a smooth height on a coarse grid, in bands.
Long for one file, as four kinds of map share their marks: countries come first, then hills, then terrain in bands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import hypot, pi

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, distance, mixed, textured
from maestro_env.tasks.procedural.choices import between, pick, place_margin, place_of
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, LETTERS, PLACES, Intent

KINDS = ("regions", "contours", "points", "scale")
MAX_REGIONS = 7
MAX_CONTOURS = 9
MAX_POINTS = 6
MAX_CLASSES = 7
TOP_VALUE = 9
MIN_CONTRAST = 0.075
"""Smallest distance between two tints that have to be told apart: as between neighbours in an atlas's legend."""
MIN_TEXT = 0.11
"""Smallest font size, as a fraction of the side: 7 px of 64."""
MIN_MARGIN = 0.008
"""Smallest distance of a marker's or dot's rim to another region or band: 3 px of 384."""
MIN_GAP = 0.014
"""Smallest distance between contour lines, on a hill's steepest side, and between marks: 1.5 px of 110."""
MIN_RISE = 1
"""By how many bands of height the highest and the lowest point differ at least from every other."""
MIN_PLACE_MARGIN = 0.03

Drawn = tuple[Image.Image, tuple[Query, ...], dict[str, float | int]]
"""The picture, its queries, and what was measured while drawing."""
Grid = NDArray[np.float64]

_PAPER: Colour = (250, 246, 236)
_INK: Colour = (38, 40, 48)
_BORDER: Colour = (92, 84, 78)
_SEA: Colour = (205, 222, 230)
_SHORE: Colour = (138, 176, 196)
_CONTOUR: Colour = (126, 78, 44)
_LAND: tuple[Colour, ...] = (
    (98, 160, 104),
    (168, 196, 118),
    (228, 216, 144),
    (224, 170, 98),
    (178, 112, 66),
    (120, 64, 48),
)
"""Tints of land by height, from lowland to mountains, as atlases have them."""
_RAMPS: tuple[tuple[Colour, ...], ...] = (
    ((254, 246, 202), (88, 178, 186), (30, 52, 118)),
    ((254, 240, 208), (242, 138, 78), (116, 22, 62)),
    ((246, 240, 250), (176, 126, 196), (60, 22, 92)),
    ((250, 244, 206), (124, 178, 92), (18, 78, 66)),
)
"""Palettes of thematic maps, from small values to large ones."""
_GRID = 64
"""Cells a side of the grid that terrain is computed on."""
_ANGLES = 220
"""Corners of an outline: 2 px apart at 384 px."""
_RING = 0.6
"""Radius of the ring around the marked region's letter, as a share of the font size."""
_DOT = 0.026
"""Radius of a lettered point."""

_ASK_REGION = ("Which region is ringed?", "Which region's letter has a ring around it?", "Name the ringed region.")
_ASK_REGION_COLOUR = ("What colour is the ringed region?", "Which colour has the region with the ring?")
_ASK_COLOUR_OF = ("What colour is region {}?", "Which colour has region {}?", "In what colour is region {} printed?")
_ASK_REGION_OF = ("Which region is {}?", "Which letter has the {} region?", "Name the region that is {}.")
_ASK_CONTOURS = (
    "How many contour lines does the map show?",
    "Count the contour lines.",
    "How many contours are drawn?",
)
_ASK_SUMMIT = ("Where is the summit?", "In which part of the map is the summit?", "Where is the ground highest?")
_ASK_HIGHEST = ("Which point lies highest?", "Which of the points is the highest?", "Name the highest point.")
_ASK_POINTS = ("How many points are on the map?", "Count the lettered points.", "How many points have a letter?")
_ASK_HIGHEST_PLACE = ("Where is the highest point?", "In which part of the map is the highest of the points?")
_ASK_VALUE = ("What value does the map give at the ring?", "Which value of the legend holds at the ring?")
_ASK_CLASSES = ("How many colours does the legend have?", "Count the colours of the legend.")


class Earth(Family):
    """Maps of countries, hills and measured values."""

    name = "earth"
    native_px = 384

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        if kind == "regions":
            drawn = _draw_regions(rng, size_px, difficulty)
        elif kind == "contours":
            drawn = _draw_contours(rng, size_px, difficulty)
        elif kind == "points":
            drawn = _draw_points(rng, size_px, difficulty)
        else:
            drawn = _draw_scale(rng, size_px, difficulty)
        image, queries, measured = drawn
        factors = {"difficulty": difficulty, "kind": kind, **measured}
        return Figure(image=textured(image, between(0.06, 0.4, difficulty), rng), queries=queries, factors=factors)

    def check(self, figure: Figure) -> None:
        floors = {
            "contrast": MIN_CONTRAST,
            "text": MIN_TEXT,
            "margin": MIN_MARGIN,
            "gap": MIN_GAP,
            "rise": MIN_RISE,
            "place_margin": MIN_PLACE_MARGIN,
        }
        for name, floor in floors.items():
            # Each kind measures what it draws: contour lines have no text, regions no rise.
            if float(figure.factors.get(name, floor)) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw it larger, in more contrast or further apart."
                )


def _outline(points: Grid) -> list[Point]:
    return list(zip(points[:, 0].tolist(), points[:, 1].tolist(), strict=True))


def _hypot(vectors: Grid) -> Grid:
    """Return the lengths of vectors along the last axis."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def _least_contrast(tints: Sequence[Colour]) -> float:
    return min(distance(one, other) for one, other in combinations(tints, 2))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Warp:
    """A smooth displacement of the plane in three octaves; it turns straight borders into natural ones."""

    waves: Grid
    """[octaves, 2, 2] wave vectors of the two components, in cycles a side."""
    phases: Grid
    """[octaves, 2]"""
    amplitudes: tuple[float, ...]

    def __call__(self, points: Grid) -> Grid:
        moved = points.copy()
        for wave, phase, amplitude in zip(self.waves, self.phases, self.amplitudes, strict=True):
            moved += amplitude * np.sin(2 * pi * (points @ wave.T + phase))
        return moved


def _build_warp(rng: np.random.Generator, strength: float) -> _Warp:
    # Amplitude times wave number stays below 1 in sum: the plane never folds, so borders never cross.
    angles = rng.uniform(0, 2 * pi, (3, 2))
    cycles = np.array([1.4, 3.7, 9.0])[:, None]
    waves = np.stack([cycles * np.cos(angles), cycles * np.sin(angles)], axis=-1)
    return _Warp(
        waves=waves,
        phases=rng.random((3, 2)),
        amplitudes=(0.02 * strength, 0.009 * strength, 0.0035 * strength),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Country:
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
        to_site = _hypot(points - self.sites[region]) ** 2
        depths = [coast]
        for j, other in enumerate(self.sites):
            if j != region:
                gap = hypot(*(other - self.sites[region]))
                depths.append((_hypot(points - other) ** 2 - to_site) / (2 * gap))
        return np.min(depths, axis=0)

    def cell(self, region: int, inset: float) -> Grid:
        """Return the outline of a region [angles, 2], moved inwards by a width."""
        site = self.sites[region]
        others = np.delete(self.sites, region, axis=0) - site
        lengths = _hypot(others)
        normals = np.concatenate([self.normals, others / lengths[:, None]])
        depths = np.concatenate([self.offsets - self.normals @ (site - 0.5), lengths / 2]) - inset
        return site + _star(normals, depths)

    def coast(self, grown: float) -> Grid:
        return 0.5 + _star(self.normals, self.offsets + grown)


def _star(normals: Grid, depths: Grid) -> Grid:
    """Return the outline [angles, 2] of an intersection of half planes around the origin."""
    angles = np.linspace(0, 2 * pi, _ANGLES, endpoint=False)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    slopes = np.maximum(rays @ normals.T, 1e-9)
    return rays * np.min(depths / slopes, axis=-1, keepdims=True)


def _build_country(rng: np.random.Generator, count: int) -> _Country:
    num_sides = 9
    angles = 2 * pi * (np.arange(num_sides) + rng.random(num_sides) * 0.6) / num_sides
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    offsets = rng.uniform(0.4, 0.45, num_sides)
    points = 0.5 + rng.uniform(-0.45, 0.45, (500, 2))
    land = points[np.min(offsets - (points - 0.5) @ normals.T, axis=-1) > 0]
    sites = land[:count]
    # Two of Lloyd's steps: regions of similar size that still look grown, not designed.
    for _ in range(2):
        nearest = np.argmin(_hypot(land[:, None] - sites), axis=1)
        sites = np.stack([land[nearest == i].mean(axis=0) for i in range(count)])
    return _Country(sites=sites, normals=normals, offsets=offsets)


def _draw_regions(rng: np.random.Generator, size_px: int, difficulty: float) -> Drawn:
    count = int(rng.integers(4, round(between(6, MAX_REGIONS, difficulty)) + 1))
    text = between(0.16, 0.125, difficulty)
    least = between(0.028, 0.012, difficulty)
    marked, ring = int(rng.integers(count)), _RING * text
    while True:
        country, warp = _build_country(rng, count), _build_warp(rng, between(0.7, 1.0, difficulty))
        labels = warp(_place_labels(rng, country))
        outlines = [warp(country.cell(i, 0.0)) for i in range(count)]
        depths = [float(_hypot(o - p).min()) for o, p in zip(outlines, labels, strict=True)]
        margin, label_margin = depths[marked] - ring, min(depths) - 0.4 * text
        if margin > least and label_margin > MIN_MARGIN:
            break
    names = _region_colours(rng, count)
    fade = between(0.1, 0.38, difficulty) * float(rng.uniform(0.7, 1.0))
    tints = [mixed(COLOURS[name], _PAPER, fade) for name in names]
    letters = [LETTERS[int(i)] for i in rng.permutation(len(LETTERS))[:count]]
    canvas = Canvas(size_px, _SEA)
    _draw_graticule(canvas, rng)
    for k in range(4):
        canvas.polygon(_outline(warp(country.coast(0.048 - 0.012 * k))), mixed(_SEA, _SHORE, 0.14 + 0.14 * k))
    for outline in outlines:
        canvas.polygon(_outline(outline), _BORDER)
    for i, tint in enumerate(tints):
        canvas.polygon(_outline(warp(country.cell(i, 0.0045))), tint)
    for i, ((x, y), letter, tint) in enumerate(zip(_outline(labels), letters, tints, strict=True)):
        if i == marked:
            canvas.circle(x, y, ring, (255, 255, 255), _INK, 0.2 * ring)
        _draw_label(canvas, (x, y), letter, text, _INK, mixed(tint, (255, 255, 255), 0.6))
    measured: dict[str, float | int] = {
        "num_elements": count,
        "contrast": _least_contrast([*dict(zip(names, tints, strict=True)).values(), _SEA]),
        "text": text,
        "margin": min(margin, label_margin),
    }
    return canvas.finish(), _region_queries(rng, letters, names, marked), measured


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


def _place_labels(rng: np.random.Generator, country: _Country) -> Grid:
    """Return [regions, 2] where letters stand before the warp: deep in their regions."""
    points = rng.uniform(0.06, 0.94, (700, 2))
    return np.stack([points[np.argmax(country.margins(points, i))] for i in range(len(country.sites))])


def _draw_graticule(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw faint meridians and parallels over the sea."""
    start = float(rng.uniform(0.0, 0.2))
    for k in range(5):
        at = start + 0.2 * k
        for ends in ([(at, 0.0), (at, 1.0)], [(0.0, at), (1.0, at)]):
            canvas.line(ends, mixed(_SEA, _SHORE, 0.35), 0.003)


def _draw_label(canvas: Canvas, point: Point, text: str, height: float, ink: Colour, halo: Colour) -> None:
    """Write a letter with a halo, so that it stands on any tint."""
    reach = 0.009
    for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        canvas.text(point[0] + dx * reach, point[1] + dy * reach, text, halo, height)
    canvas.text(*point, text, ink, height)


def _tints_of(ramp: Sequence[Colour], count: int, fade: float) -> list[Colour]:
    """Return colours at equal steps along a ramp, faded towards the paper."""
    tints: list[Colour] = []
    for at in np.linspace(0, len(ramp) - 1, count):
        low = min(int(at), len(ramp) - 2)
        tints.append(mixed(mixed(ramp[low], ramp[low + 1], float(at) - low), _PAPER, fade))
    return tints


def _draw_contours(rng: np.random.Generator, size_px: int, difficulty: float) -> Drawn:
    count = int(rng.integers(2, round(between(6, MAX_CONTOURS, difficulty)) + 1))
    place = pick(PLACES, rng)
    width = between(0.014, 0.009, difficulty)
    least_gap = max(MIN_GAP, between(0.13, 0.1, difficulty) / count)
    while True:
        summit = _point_in(rng, place, difficulty, reach=0.21)
        rings = _nested_rings(rng, count, summit, difficulty)
        if rings[0].min() < 0.02 or rings[0].max() > 0.98:
            continue
        gap = min(float(_hypot(a[::3, None] - b).min()) for a, b in pairwise(rings)) - width
        if gap > least_gap:
            break
    tints = _tints_of(_LAND, count + 1, between(0.25, 0.5, difficulty))
    ink = mixed(_CONTOUR, tints[0], between(0.0, 0.25, difficulty))
    canvas = Canvas(size_px, tints[0])
    for ring, tint in zip(rings, tints[1:], strict=True):
        canvas.polygon(_outline(ring), ink)
        canvas.polygon(_outline(_inset(ring, width)), tint)
    queries = (
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_CONTOURS, rng)),
        Query(intent=Intent.PLACE, answer=place),
        Query(intent=Intent.PLACE, answer=place, question=pick(_ASK_SUMMIT, rng)),
    )
    measured: dict[str, float | int] = {
        "num_elements": count,
        "contrast": min(distance(ink, tint) for tint in tints),
        "gap": gap,
        "place_margin": place_margin(summit),
    }
    return canvas.finish(), queries, measured


def _point_in(rng: np.random.Generator, place: str, difficulty: float, reach: float) -> Point:
    """Draw a point of a place, off its borders, at most a reach from both middle lines."""
    least = between(0.05, MIN_PLACE_MARGIN, difficulty)
    low, high = (0.43, 0.57) if place == PLACES[-1] else (0.5 - reach, 0.5 + reach)
    while True:
        point = (float(rng.uniform(low, high)), float(rng.uniform(low, high)))
        if place_of(point) == place and place_margin(point) > least:
            return point


def _nested_rings(rng: np.random.Generator, count: int, summit: Point, difficulty: float) -> list[Grid]:
    """Return the outlines of a hill's contour lines [angles, 2], the lowest first, the last one around the summit."""
    angles = np.linspace(0, 2 * pi, _ANGLES, endpoint=False)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    # Many lines leave less room for bays and spurs.
    calm = 1.0 if count < 6 else 0.6
    harmonics = np.arange(2, 6)[:, None]
    waves = (
        calm * rng.uniform(-0.022, 0.022, (4, 1)) * np.sin(harmonics * angles + rng.uniform(0, 2 * pi, (4, 1)))
    ).sum(axis=0)
    top = np.array(summit)
    # A foot that leans to the summit and is squarish: room for many lines on the steep side.
    foot = 0.5 + 0.55 * (top - 0.5)
    squarish = (np.abs(rays) ** 3.2).sum(axis=1) ** (-1 / 3.2)
    outer = foot + rays * (float(rng.uniform(0.34, 0.37)) * squarish * (1 + waves))[:, None]
    inner = top + rays * ((float(rng.uniform(0.032, 0.042)) + 0.14 / count**2) * (1 + 2 * waves))[:, None]
    steps = rng.uniform(1 - 0.25 * difficulty, 1 + 0.25 * difficulty, count - 1)
    climbs = np.concatenate(([0.0], np.cumsum(steps) / steps.sum()))
    warp = _build_warp(rng, 0.7 * calm)
    shift = top - warp(top[None])[0]
    return [warp((1 - climb) * outer + climb * inner) + shift for climb in climbs]


def _inset(ring: Grid, width: float) -> Grid:
    """Return an outline that runs clockwise on the screen, moved inwards."""
    along = np.roll(ring, -1, axis=0) - np.roll(ring, 1, axis=0)
    along /= _hypot(along)[:, None]
    return ring + width * np.stack([-along[:, 1], along[:, 0]], axis=-1)


def _draw_points(rng: np.random.Generator, size_px: int, difficulty: float) -> Drawn:
    count = int(rng.integers(3, round(between(4, MAX_POINTS, difficulty)) + 1))
    text = between(0.155, 0.125, difficulty)
    place = pick(PLACES, rng)
    rise = 2 if rng.random() > difficulty else MIN_RISE
    points, labels, gap = _place_points(rng, count, place, text, difficulty)
    bands = _bands_of_points(rng, count, rise)
    tints = [_SEA, *_tints_of(_LAND, len(_LAND), between(0.1, 0.35, difficulty))]
    clear = between(0.07, 0.055, difficulty)
    height = _relief(rng, points, [band + 0.5 for band in bands], len(tints), clear)
    image = _shaded(_banded(height, tints, size_px, line_share=0.5), height, between(1.0, 0.7, difficulty))
    letters = [LETTERS[int(i)] for i in rng.permutation(len(LETTERS))[:count]]

    def draw_marks(canvas: Canvas, ink: Colour, halo: Colour) -> None:
        for point, label, letter in zip(points, labels, letters, strict=True):
            canvas.circle(*point, _DOT + 0.011, halo)
            canvas.circle(*point, _DOT, ink)
            _draw_label(canvas, label, letter, text, ink, halo)

    highest = letters[bands.index(max(bands))]
    queries = (
        Query(intent=Intent.LETTER, answer=highest),
        Query(intent=Intent.LETTER, answer=highest, question=pick(_ASK_HIGHEST, rng)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_POINTS, rng)),
        Query(intent=Intent.PLACE, answer=place),
        Query(intent=Intent.PLACE, answer=place, question=pick(_ASK_HIGHEST_PLACE, rng)),
    )
    order = sorted(bands)
    measured: dict[str, float | int] = {
        "num_elements": count,
        "contrast": min(distance(one, other) for one, other in pairwise(tints)),
        "text": text,
        "margin": min(_clearance(height, point) for point in points) - _DOT,
        "gap": gap,
        "rise": min(order[-1] - order[-2], order[1] - order[0]),
        "place_margin": place_margin(points[0]),
    }
    return _overlaid(image, draw_marks), queries, measured


def _place_points(
    rng: np.random.Generator, count: int, place: str, text: float, difficulty: float
) -> tuple[list[Point], list[Point], float]:
    """Return dots, the first one in a place, their letters above or below, and the smallest gap between marks."""
    apart = _DOT + 0.4 * text
    least = between(0.04, 0.02, difficulty)
    while True:
        points, labels, smallest = [_point_in(rng, place, difficulty, reach=0.3)], list[Point](), 1.0
        for _ in range(60):
            x, y = points[-1]
            # Letters lean to the middle line, so that none leaves the map.
            side = (-1 if y > 0.5 else 1) if abs(y - 0.5) > 0.25 else int(rng.choice([-1, 1]))
            label = (x, y + side * (apart + 0.02))
            gaps = [
                gap
                for point, other in zip(points, labels, strict=False)
                for gap in (
                    hypot(x - point[0], y - point[1]) - 0.24,
                    hypot(x - other[0], y - other[1]) - apart,
                    hypot(label[0] - point[0], label[1] - point[1]) - apart,
                    hypot(label[0] - other[0], label[1] - other[1]) - 0.8 * text,
                )
            ]
            gap = min(gaps, default=1.0)
            if gap > least:
                smallest = min(smallest, gap)
                labels.append(label)
                if len(labels) == count:
                    return points, labels, smallest
            else:
                points.pop()
            points.append((float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.1, 0.9))))


def _bands_of_points(rng: np.random.Generator, count: int, rise: int) -> list[int]:
    """Return a band of height a point; the first is the highest, another the lowest, both by at least `rise`."""
    top = int(rng.integers(1 + 2 * rise, len(_LAND) + 1))
    low = int(rng.integers(1, top - 2 * rise + 1))
    middle = [int(band) for band in rng.integers(low + rise, top - rise + 1, count - 2)]
    return [top, low, *middle]


def _relief(
    rng: np.random.Generator, points: Sequence[Point], targets: Sequence[float], num_bands: int, clear: float
) -> Grid:
    """Return terrain [_GRID, _GRID] in bands of height that is flat around points.

    Args:
        rng: The only source of randomness.
        points: Where the height is given; 0.24 apart at least.
        targets: The heights there.
        num_bands: Heights run from 0 to this.
        clear: Radius of the flat ground around a point.
    """
    centres, reaches = rng.uniform(0, 1, (9, 2)), rng.uniform(0.1, 0.24, 9)
    sizes = rng.normal(0, 1, 9)
    steps = (np.arange(_GRID) + 0.5) / _GRID
    height = _bumps(centres, reaches, sizes, steps)
    low, high = float(height.min()), float(height.max())
    height = (height - low) / (high - low) * (num_bands - 0.3) + 0.15
    # Bumps at the points, of sizes that bring each to its height.
    nodes, wanted = np.array(points), np.array(targets)
    cells = np.minimum((nodes * _GRID).astype(int), _GRID - 1)
    reach = np.full(len(nodes), 0.14)
    kernel = np.exp(-((_hypot(nodes[:, None] - nodes) / reach) ** 2) / 2)
    sizes = np.linalg.solve(kernel, wanted - height[cells[:, 1], cells[:, 0]]).astype(np.float64)
    height += _bumps(nodes, reach, sizes, steps)
    for (x, y), target in zip(points, targets, strict=True):
        away = np.hypot(steps - x, (steps - y)[:, None])
        share = np.clip((away - clear) / 0.09, 0, 1)
        height = target + (height - target) * share * share * (3 - 2 * share)
    return np.clip(height, 0.05, num_bands - 0.05)


def _bumps(centres: Grid, reaches: Grid, sizes: Grid, steps: Grid) -> Grid:
    """Return the sum of round bumps on the grid: each is a product of a profile along x and one along y."""
    along = np.exp(-(((steps - centres[:, :1]) / reaches[:, None]) ** 2) / 2)
    down = np.exp(-(((steps - centres[:, 1:]) / reaches[:, None]) ** 2) / 2)
    return (down * sizes[:, None]).T @ along


def _clearance(height: Grid, point: Point) -> float:
    """Return the distance from a point to the nearest cell of another band."""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    away = np.hypot(steps - point[0], (steps - point[1])[:, None])
    bands = height.astype(int)
    own = bands[min(int(point[1] * _GRID), _GRID - 1), min(int(point[0] * _GRID), _GRID - 1)]
    return float(away[bands != own].min(initial=1.0)) - 0.5 / _GRID


def _banded(height: Grid, tints: Sequence[Colour], size_px: int, line_share: float) -> Image.Image:
    """Return terrain in tints by band, with smooth lines between them, a share darker than the tints."""
    fine = 64
    down, along = np.gradient(height)
    slopes = np.hypot(down, along) * _GRID
    # Bands of height a pixel and a line's width have, where the ground is sloping on average.
    pixel, width = float(slopes.mean()) / size_px, 0.007 * float(slopes.mean())
    at = (np.arange(len(tints) * fine) + 0.5) / fine
    edges = np.clip(np.round(at), 1, len(tints) - 1)
    shares = np.clip((width / 2 - np.abs(at - edges)) / pixel + 0.5, 0, 1)[:, None] * line_share
    table = np.array(tints)[at.astype(int)] * (1 - shares) + np.array(_BORDER) * shares
    smooth = Image.fromarray(height.astype(np.float32)).resize((size_px, size_px), Image.Resampling.BICUBIC)
    places = (np.asarray(smooth) * fine).astype(np.int16)
    return Image.fromarray(np.round(table).astype(np.uint8).take(places, axis=0, mode="clip"))


def _shaded(image: Image.Image, height: Grid, strength: float) -> Image.Image:
    """Return a map with its slopes lit from the upper left."""
    down, along = np.gradient(height)
    grey = np.clip(128 + 40 * strength * (down + along), 104, 152).astype(np.uint8)
    light = Image.fromarray(grey).resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.add(image, Image.merge("RGB", (light, light, light)), scale=1.0, offset=-128)


def _overlaid(image: Image.Image, draw_marks: Callable[[Canvas, Colour, Colour], None]) -> Image.Image:
    """Return a picture with marks drawn over it; `draw_marks` takes a canvas, an ink and the colour of halos."""
    size_px = image.width
    halo: Colour = (253, 251, 246)
    marks, mask = Canvas(size_px, halo), Canvas(size_px, (0, 0, 0))
    draw_marks(marks, _INK, halo)
    draw_marks(mask, (255, 255, 255), (255, 255, 255))
    return Image.composite(marks.finish(), image, mask.finish().convert("L"))


def _draw_scale(rng: np.random.Generator, size_px: int, difficulty: float) -> Drawn:
    count = int(rng.integers(3, round(between(5, MAX_CLASSES, difficulty)) + 1))
    values = sorted(int(v) for v in rng.permutation(TOP_VALUE)[:count] + 1)
    marked = int(rng.integers(count))
    text = between(0.15, 0.115, difficulty)
    fade = between(0.0, 0.26, difficulty) * float(rng.uniform(0.6, 1.0))
    tints = _tints_of(_RAMPS[int(rng.integers(len(_RAMPS)))], count, fade)
    ring = 0.056
    point = (float(rng.uniform(0.12, 0.6)), float(rng.uniform(0.12, 0.88)))
    height = _relief(rng, [point], [marked + 0.5], count, between(0.1, 0.085, difficulty))
    canvas = Canvas(size_px, _PAPER)
    pitch = min(0.94 / count, 0.19)
    for i, (value, tint) in enumerate(zip(values, tints, strict=True)):
        y = 0.5 + ((count - 1) / 2 - i) * pitch
        half = pitch / 2
        canvas.rectangle(0.76, y - half, 0.865, y + half, tint, _BORDER, 0.005)
        canvas.text(0.933, y, str(value), _INK, text)
    image = canvas.finish()
    sheet = _banded(height, tints, size_px, line_share=0.25)
    image.paste(sheet.crop((0, 0, round(0.73 * size_px), size_px)), (0, 0))

    def draw_marks(canvas: Canvas, ink: Colour, halo: Colour) -> None:
        canvas.line([(0.73, 0.0), (0.73, 1.0)], ink, 0.006)
        canvas.circle(*point, ring, None, halo, 0.023)
        canvas.circle(*point, ring - 0.005, None, ink, 0.013)

    queries = (
        Query(intent=Intent.VALUE, answer=str(values[marked])),
        Query(intent=Intent.VALUE, answer=str(values[marked]), question=pick(_ASK_VALUE, rng)),
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_CLASSES, rng)),
    )
    measured: dict[str, float | int] = {
        "num_elements": count,
        "contrast": min(distance(one, other) for one, other in pairwise(tints)),
        "text": text,
        "margin": _clearance(height, point) - ring,
    }
    return _overlaid(image, draw_marks), queries, measured
