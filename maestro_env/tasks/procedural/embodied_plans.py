"""Where things stand in `embodied` pictures: routes, reaches, mazes. Drawing them is embodied.py's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

import numpy as np
from numpy.typing import NDArray

from maestro_env.tasks.procedural.canvas import Point
from maestro_env.tasks.procedural.choices import between, place_margin, place_of

TABLE_TOP, TABLE_FRONT = 0.15, 0.95
"""Where the table begins under the wall, and ends above its front side."""
GOAL_RADIUS, ROBOT_RADIUS = 0.088, 0.07
"""Radii of a goal's disc and of the robot."""
MIN_GAP = 0.02
"""Smallest distance between the outlines of what has to be told apart."""
MIN_PLACE_MARGIN = 0.03
STEPS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
"""What a move adds to column and row."""

MIN_DETOUR = 4
"""Fewest moves of a way that goes around boxes: two of them are the detour, and the flag is not next to the robot."""

Cell = tuple[int, int]
"""Column and row, from the upper left."""

_SPACING = 0.042
"""From dot to dot of a path."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A dotted path from the robot to the first goal, clear of all others and of itself."""

    start: Point
    goals: tuple[Point, ...]
    bends: tuple[Point, ...]
    dots: tuple[Point, ...]
    gap: float
    """Smallest distance of a dot's centre from a disc it does not lead to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """A gripper and objects around it."""

    grip: Point
    """The point between the tips of the fingers."""
    centres: tuple[Point, ...]
    """Of the objects; the nearest to the gripper comes first."""
    lead: float
    """By how much it is the nearest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Maze:
    """Boxes on a square floor, between which exactly one shortest way leads from the robot to the flag."""

    boxes: frozenset[Cell]
    robot: Cell
    flag: Cell
    num_moves: int
    first_move: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How a cell is reached from the robot's."""

    num_moves: int
    num_ways: int
    """How many ways are as short."""
    first_move: str
    """Of one of them; empty at the start."""


def plan_route(rng: np.random.Generator, num_goals: int, num_bends: int, clearance: float) -> Route:
    """Lay out a path, then the goals that it does not lead to, clear of it."""
    reach = GOAL_RADIUS + clearance
    while True:
        corners = _walk(rng, num_bends, clearance)
        if corners is None:
            continue
        dots = np.concatenate([_leg(a, b) for a, b in pairwise(corners)])
        goals = [corners[-1]]
        for _ in range(40):
            if len(goals) == num_goals:
                break
            goal = _spot(rng, GOAL_RADIUS + 0.012)
            taken = [corners[0], *goals]
            if (
                float(_gaps(dots, [goal]).min()) >= reach
                and float(_gaps(np.asarray(taken), [goal]).min()) >= 2.3 * GOAL_RADIUS
            ):
                goals.append(goal)
        if len(goals) < num_goals:
            continue
        visible = (_gaps(dots, corners[:1]) > ROBOT_RADIUS) & (_gaps(dots, corners[-1:]) > GOAL_RADIUS + 0.008)
        return Route(
            start=corners[0],
            goals=tuple(goals),
            bends=tuple(corners[1:-1]),
            dots=tuple((float(x), float(y)) for x, y in dots[visible]),
            gap=float(_gaps(dots, goals[1:]).min()) - GOAL_RADIUS,
        )


def _walk(rng: np.random.Generator, num_bends: int, clearance: float) -> list[Point] | None:
    """Return the corners of a path from the robot to its goal, or None if the walk got stuck.

    A leg keeps clear of every leg but its neighbours, and of the discs at both ends unless it leads to them.
    """
    corners = [_spot(rng, GOAL_RADIUS)]
    past, last = np.empty((0, 2)), np.empty((0, 2))
    for i in range(num_bends + 1):
        is_goal = i == num_bends
        for _ in range(30):
            end = _spot(rng, GOAL_RADIUS + 0.012 if is_goal else 0.05)
            if not _may_turn(corners, end):
                continue
            leg = _leg(corners[-1], end)
            crosses = len(past) > 0 and float(_gaps(leg, past).min()) < 2 * _SPACING
            if crosses or (i > 0 and float(_gaps(leg, corners[:1]).min()) < GOAL_RADIUS + clearance):
                continue
            earlier = np.concatenate([past, last])
            if is_goal and float(_gaps(earlier, [end]).min()) < GOAL_RADIUS + clearance:
                continue
            corners.append(end)
            past, last = earlier, leg
            break
        else:
            return None
    return corners


def _spot(rng: np.random.Generator, inset: float) -> Point:
    """Return a point of the table, at least `inset` from its rims."""
    across, down = rng.random(2).tolist()
    return between(inset, 1 - inset, across), between(TABLE_TOP + inset, TABLE_FRONT - inset, down)


def _may_turn(corners: list[Point], end: Point) -> bool:
    """Whether a leg is neither short nor long and bends away from the one before by 45 to 115 degrees."""
    x, y = corners[-1]
    length = hypot(end[0] - x, end[1] - y)
    if not 0.2 <= length <= 0.5:
        return False
    if len(corners) == 1:
        return True
    u, v = corners[-2]
    cosine = ((x - u) * (end[0] - x) + (y - v) * (end[1] - y)) / (length * hypot(x - u, y - v))
    return -0.42 < cosine < 0.7


def _leg(start: Point, end: Point) -> NDArray[np.float64]:
    """Return evenly spaced dots after `start` up to `end`, [num_dots, 2]."""
    num_dots = max(2, round(hypot(end[0] - start[0], end[1] - start[1]) / _SPACING))
    shares = np.arange(1, num_dots + 1)[:, None] / num_dots
    return np.asarray(start) * (1 - shares) + np.asarray(end) * shares


def _gaps(dots: NDArray[np.float64], spots: Sequence[Point] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each dot is from the nearest spot."""
    offsets = dots[:, None] - np.asarray(spots)[None]
    return np.hypot(offsets[..., 0], offsets[..., 1]).min(axis=1)


def plan_reach(rng: np.random.Generator, count: int, radius: float, place: str, least_lead: float) -> Reach:
    """Place an object in a place, a gripper near it, and the other objects further from the gripper."""
    low, high = (1.2 * radius, TABLE_TOP + 1.2 * radius), (1 - 1.2 * radius, TABLE_FRONT - 1.4 * radius)
    while True:
        first = (
            (float(rng.uniform(0.45, 0.55)), float(rng.uniform(0.45, 0.55)))
            if place == "centre"
            else (float(rng.uniform(low[0], high[0])), float(rng.uniform(low[1], high[1])))
        )
        grip = (float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.3, 0.86)))
        reach = hypot(first[0] - grip[0], first[1] - grip[1])
        if place_of(first) != place or place_margin(first) < MIN_PLACE_MARGIN or reach > 0.27:
            continue
        if not _clears_gripper(first, grip, radius):
            continue
        centres = [first]
        for _ in range(30 * count):
            if len(centres) == count:
                leads = [hypot(x - grip[0], y - grip[1]) - reach for x, y in centres[1:]]
                return Reach(grip=grip, centres=tuple(centres), lead=min(leads))
            x, y = (float(v) for v in rng.uniform(low, high))
            if (
                hypot(x - grip[0], y - grip[1]) >= reach + least_lead
                and all(hypot(x - u, y - v) >= 2.4 * radius + 1.5 * MIN_GAP for u, v in centres)
                and _clears_gripper((x, y), grip, radius)
            ):
                centres.append((x, y))


def _clears_gripper(point: Point, grip: Point, radius: float) -> bool:
    """Whether an object lies beside the rod and the hand, or below the fingers."""
    dx, dy = abs(point[0] - grip[0]), point[1] - grip[1]
    if dy > 1.15 * radius + 0.03:
        return True
    return dx > 1.15 * radius + (0.105 if dy > -0.12 - 1.3 * radius else 0.04)


def plan_maze(rng: np.random.Generator, *, side: int, num_moves: int, first_move: str, detour: bool) -> Maze:
    """Return a maze whose only shortest way has a length and begins with a move.

    Args:
        rng: The only source of randomness.
        side: How many cells the floor has along each side.
        num_moves: Length of the way; at least `MIN_DETOUR` with a detour.
        first_move: One of `STEPS`.
        detour: Whether boxes make the way longer than it would be without them.
    """
    cells = [(i, j) for i in range(side) for j in range(side)]
    while True:
        order = [cells[int(i)] for i in rng.permutation(len(cells))]
        num_boxes = round(float(rng.uniform(0.2, 0.45)) * len(cells))
        boxes, robot = frozenset(order[:num_boxes]), order[num_boxes]
        ways = shortest_ways(side, boxes, robot)
        flags = [
            cell
            for cell, way in ways.items()
            if (way.num_moves, way.num_ways, way.first_move) == (num_moves, 1, first_move)
            and (not detour or abs(cell[0] - robot[0]) + abs(cell[1] - robot[1]) < num_moves)
        ]
        if flags:
            flag = flags[int(rng.integers(len(flags)))]
            return Maze(boxes=boxes, robot=robot, flag=flag, num_moves=num_moves, first_move=first_move)


def shortest_ways(side: int, boxes: frozenset[Cell], start: Cell) -> dict[Cell, Way]:
    """Search breadth first from a cell; the cells that can be reached, with how."""
    ways = {start: Way(num_moves=0, num_ways=1, first_move="")}
    edge = [start]
    while edge:
        found: dict[Cell, Way] = {}
        for cell in edge:
            way = ways[cell]
            for move, (dx, dy) in STEPS.items():
                beyond = (cell[0] + dx, cell[1] + dy)
                if beyond in ways or beyond in boxes or not (0 <= beyond[0] < side and 0 <= beyond[1] < side):
                    continue
                known = found[beyond].num_ways if beyond in found else 0
                found[beyond] = Way(
                    num_moves=way.num_moves + 1, num_ways=known + way.num_ways, first_move=way.first_move or move
                )
        ways |= found
        edge = list(found)
    return ways
