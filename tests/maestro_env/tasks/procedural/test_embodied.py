from collections import Counter
from collections.abc import Sequence
from colorsys import rgb_to_hsv
from itertools import pairwise
from math import acos, degrees, hypot

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.choices import place_of
from maestro_env.tasks.procedural.embodied import KINDS, Embodied
from maestro_env.tasks.procedural.embodied_plans import (
    GOAL_RADIUS,
    MIN_DETOUR,
    ROBOT_RADIUS,
    STEPS,
    Cell,
    plan_maze,
    plan_reach,
    plan_route,
    shortest_ways,
)
from maestro_env.tasks.procedural.wordings import ANSWERS, COLOURS, DIRECTIONS, LETTERS, PLACES, SHAPES, Intent
from tests.maestro_env.tasks.procedural.drawn import figures, first_of_kind, shared_answer, shared_answers, with_factors

SIDE_PX = 384
VIVID = 80
"""Difference of the largest and the smallest channel: objects have over 100, walls and tables under 60."""


def test_embodied__every_answer_occurs() -> None:
    seen = shared_answers(Embodied(), 700)
    assert seen["trajectory/letter"] == set(LETTERS)
    assert seen["trajectory/count"] == {str(n) for n in range(1, 6)}
    assert seen["move/direction"] == set(DIRECTIONS)
    # The marked object, its neighbour and at least three others; at most a full lattice of 4 by 4.
    assert {str(n) for n in range(5, 13)} <= seen["relation/count"] <= {str(n) for n in range(5, 17)}
    for kind in ("relation", "reach"):
        assert seen[f"{kind}/shape"] == set(SHAPES)
    for kind in ("relation", "reach", "move"):
        assert seen[f"{kind}/colour"] == set(COLOURS)


def test_embodied__no_answer_is_a_good_guess() -> None:
    answers: dict[str, Counter[str]] = {}
    kinds: Counter[str] = Counter()
    for figure in figures(Embodied(), 500, size_px=24):
        kinds[str(figure.factors["kind"])] += 1
        for query in figure.queries:
            answers.setdefault(f"{figure.factors['kind']}/{query.intent}", Counter())[query.answer] += 1
    assert {query for counter in answers.values() for query in counter} <= set(ANSWERS)
    for counter in answers.values():
        assert max(counter.values()) < 0.4 * counter.total()
    assert set(kinds) == set(KINDS)
    assert max(kinds.values()) < 0.32 * kinds.total()


def test_embodied__questions_are_short_and_ask_two_to_five_things() -> None:
    for figure in figures(Embodied(), 200, size_px=24):
        assert 2 <= len(figure.queries) <= 5
        assert all(len(query.question.split()) <= 15 for query in figure.queries)
        assert sum(not query.question for query in figure.queries) >= 2
        # Pictures are taken askew, so that a thing's place may be another than where it was drawn.
        assert all(query.intent != Intent.PLACE for query in figure.queries)


@pytest.mark.parametrize(
    ("kind", "factor", "value"),
    [
        ("trajectory", "contrast", 0.1),
        ("trajectory", "mark", 0.05),
        ("trajectory", "part", 0.005),
        ("trajectory", "gap", 0.001),
        ("relation", "edge", 0.05),
        ("relation", "part", 0.01),
        ("relation", "gap", 0.001),
        ("relation", "alignment", 0.4),
        ("move", "cell", 0.08),
        ("reach", "lead", 0.01),
    ],
)
def test_embodied__check_refuses_what_cannot_be_seen(kind: str, factor: str, value: float) -> None:
    figure = first_of_kind(Embodied(), kind)
    assert factor in figure.factors
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        Embodied().check(with_factors(figure, **{factor: value}))


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_embodied__a_straight_edge_runs_level_across_every_picture(difficulty: float) -> None:
    for figure in figures(Embodied(), 24, size_px=SIDE_PX, difficulty=difficulty):
        grey = _pixels(figure.image).mean(axis=2)
        # The table begins at 0.15 of the side, below a dark strip of 0.012: rows 53 to 58.
        rows = {
            int(np.abs(np.diff(part.mean(axis=1)))[50:62].argmax()) + 50 for part in np.array_split(grey, 3, axis=1)
        }
        assert rows <= set(range(52, 59))
        assert max(rows) - min(rows) <= 1


def test_embodied__path_leads_from_the_robot_to_the_first_goal_alone() -> None:
    for seed in range(60):
        num_goals, num_bends = 3 + seed % 3, 1 + seed % 5
        route = plan_route(np.random.default_rng(seed), num_goals, num_bends, 0.035)
        assert len(route.goals) == num_goals
        steps = [(v[0] - u[0], v[1] - u[1]) for u, v in pairwise(route.dots)]
        # Dots are 0.042 apart, give or take the rounding of a leg of at least 0.2; the first and the last
        # dot stand next to the discs that hide the others.
        assert max(hypot(*step) for step in steps) < 0.05
        assert hypot(route.dots[0][0] - route.start[0], route.dots[0][1] - route.start[1]) < ROBOT_RADIUS + 0.05
        to_goals = [min(hypot(x - u, y - v) for x, y in route.dots) for u, v in route.goals]
        assert to_goals[0] < GOAL_RADIUS + 0.06
        assert min(to_goals[1:]) >= GOAL_RADIUS + 0.035
        turns = [
            degrees(acos(min(1.0, (a[0] * b[0] + a[1] * b[1]) / (hypot(*a) * hypot(*b))))) for a, b in pairwise(steps)
        ]
        assert sum(turn > 40 for turn in turns) == num_bends


@pytest.mark.parametrize("place", PLACES)
def test_reach__first_object_lies_in_the_place_and_is_the_nearest(place: str) -> None:
    for seed in range(8):
        count = 3 + seed % 5
        reach = plan_reach(np.random.default_rng(seed), count, 0.06, place, 0.07)
        assert len(reach.centres) == count
        assert place_of(reach.centres[0]) == place
        nearest, *others = (hypot(x - reach.grip[0], y - reach.grip[1]) for x, y in reach.centres)
        assert min(others) - nearest == pytest.approx(reach.lead)
        assert reach.lead >= 0.07


def test_shortest_ways__counts_ways_around_a_box() -> None:
    # A box in the middle of 3 by 3: the far corner is four moves away on either side, the box is never reached.
    ways = shortest_ways(3, frozenset({(1, 1)}), (0, 0))
    assert (ways[(2, 2)].num_moves, ways[(2, 2)].num_ways) == (4, 2)
    assert (ways[(2, 1)].num_moves, ways[(2, 1)].num_ways, ways[(2, 1)].first_move) == (3, 1, "right")
    assert (ways[(1, 2)].num_moves, ways[(1, 2)].num_ways, ways[(1, 2)].first_move) == (3, 1, "down")
    assert (1, 1) not in ways
    assert len(ways) == 8


@pytest.mark.parametrize("first_move", DIRECTIONS)
@pytest.mark.parametrize("detour", [False, True])
def test_maze__has_one_shortest_way_that_begins_with_the_move(first_move: str, detour: bool) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        maze = plan_maze(rng, side=4, num_moves=MIN_DETOUR + seed % 2, first_move=first_move, detour=detour)
        ways = _walks(4, maze.boxes, maze.robot, maze.flag, maze.num_moves)
        assert [(len(way), way[0]) for way in ways] == [(maze.num_moves, first_move)]
        straight = abs(maze.flag[0] - maze.robot[0]) + abs(maze.flag[1] - maze.robot[1])
        assert straight < maze.num_moves if detour else straight <= maze.num_moves


def test_embodied__colour_beside_the_brackets_is_the_answer() -> None:
    num_checked = 0
    for figure in figures(Embodied(), 120, size_px=SIDE_PX, difficulty=0.0):
        if figure.factors["kind"] != "relation":
            continue
        pixels = _pixels(figure.image)
        dark = pixels.max(axis=2) < 75
        # The rail's carriage is dark as well, but hangs on the wall.
        dark[: round(0.16 * SIDE_PX)] = False
        rows, columns = np.nonzero(dark)
        x, y = (int(columns.min()) + int(columns.max())) // 2, (int(rows.min()) + int(rows.max())) // 2
        assert _nearest_colour(pixels[y, x]) == shared_answer(figure, "colour")
        query = next(query for query in figure.queries if query.intent == Intent.COLOUR and query.question)
        words = {"above": "up", "below": "down", "left": "left", "right": "right"}
        dx, dy = STEPS[next(move for word, move in words.items() if word in query.question)]
        # From outside of the brackets on, a band as wide as an object is sure to meet the neighbour first.
        half = (int(columns.max()) - int(columns.min())) // 2 + 4
        for distance_px in range(half, SIDE_PX):
            u, v = x + dx * distance_px, y + dy * distance_px
            band = pixels[v, u - 10 : u + 11] if dy else pixels[v - 10 : v + 11, u]
            found = [_nearest_colour(pixel) for pixel in band if int(pixel.max()) - int(pixel.min()) > VIVID]
            if len(found) > 8:
                assert Counter(found).most_common(1)[0][0] == query.answer
                break
        num_checked += 1
    assert num_checked > 15


def test_embodied__object_nearest_to_the_fingers_is_the_answer() -> None:
    num_checked = 0
    for figure in figures(Embodied(), 120, size_px=SIDE_PX, difficulty=0.0):
        if figure.factors["kind"] != "reach":
            continue
        pixels = _pixels(figure.image)
        steel = np.abs(pixels.astype(int) - (74, 83, 99)).max(axis=2) < 14
        rows, columns = np.nonzero(steel[: round(0.94 * SIDE_PX)])
        tips = rows >= rows.max() - 4
        grip_x, grip_y = float(columns[tips].mean()), float(rows.max()) - 5
        vivid = pixels.max(axis=2).astype(int) - pixels.min(axis=2) > VIVID
        ys, xs = np.nonzero(vivid)
        nearest = int(np.hypot(xs - grip_x, ys - grip_y).argmin())
        # A few pixels into the object, away from its softened outline.
        ahead = np.hypot(xs - xs[nearest], ys - ys[nearest]) < 9
        colours = Counter(_nearest_colour(pixels[y, x]) for x, y in zip(xs[ahead], ys[ahead], strict=True))
        assert colours.most_common(1)[0][0] == shared_answer(figure, "colour")
        num_checked += 1
    assert num_checked > 15


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image)


def _nearest_colour(pixel: NDArray[np.uint8]) -> str:
    """Return the colour of the nearest hue: the shaded side of a block has its top's."""
    hue = _hue(pixel.tolist())
    return min(COLOURS, key=lambda name: abs((_hue(COLOURS[name]) - hue + 0.5) % 1 - 0.5))


def _hue(rgb: Sequence[int]) -> float:
    return rgb_to_hsv(*(level / 255 for level in rgb))[0]


def _walks(side: int, boxes: frozenset[Cell], cell: Cell, flag: Cell, num_left: int) -> list[list[str]]:
    """Return every walk to the flag of at most so many moves, by trying all of them."""
    if cell == flag:
        return [[]]
    if num_left == 0:
        return []
    walks: list[list[str]] = []
    for move, (dx, dy) in STEPS.items():
        beyond = (cell[0] + dx, cell[1] + dy)
        if beyond not in boxes and 0 <= beyond[0] < side and 0 <= beyond[1] < side:
            walks += [[move, *rest] for rest in _walks(side, boxes, beyond, flag, num_left - 1)]
    return walks
