"""The family `embodied`: what a robot sees of a table or a floor: a path to a goal, a marked thing, a maze, a gripper.

What `it` means: the goal at the end of the dotted path (letter), the marked object, the robot in the maze (its colour
and next move), the object nearest to the gripper. What is counted: bends of the path, objects, boxes of the maze.
The room is drawn level: the edge between wall and table runs straight across the whole picture.
"""

from dataclasses import dataclass
from math import hypot

import numpy as np

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, distance, mixed, textured
from maestro_env.tasks.procedural.choices import between, pick, place_margin
from maestro_env.tasks.procedural.embodied_plans import (
    GOAL_RADIUS,
    MIN_DETOUR,
    MIN_GAP,
    ROBOT_RADIUS,
    STEPS,
    TABLE_FRONT,
    TABLE_TOP,
    plan_maze,
    plan_reach,
    plan_route,
)
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, DIRECTIONS, LETTERS, PLACES, SHAPES, Intent

KINDS = ("trajectory", "relation", "move", "reach")
MAX_BENDS = 5
MIN_CONTRAST = 0.15
"""Smallest colour distance of objects and dots from the table."""
MIN_EDGE = 0.12
"""Smallest colour distance of wall and table: their border is what tells whether the picture is level."""
MIN_MARK = 0.11
"""Smallest font size of a goal's letter, as a fraction of the side: 7 px of 64."""
MIN_PART = 0.018
"""Smallest width of a dot or a bracket: about one pixel of 64."""
MIN_CELL = 0.12
"""Smallest side of a maze's cell: 8 px of 64."""
MIN_LEAD = 0.06
"""How much nearer to the gripper the nearest object is, at least: its distance less that of the second."""
MIN_ALIGNMENT = 0.7
"""How straight above, below or beside the marked object the neighbour is: 1 less sideways over straight offset."""

Drawn = tuple[tuple[Query, ...], dict[str, float | int]]
"""The queries of what was drawn, and what was measured while drawing."""

_ROOMS: tuple[tuple[Colour, Colour], ...] = (
    ((226, 232, 238), (213, 189, 158)),
    ((124, 142, 163), (230, 227, 219)),
    ((149, 170, 155), (240, 233, 217)),
    ((103, 112, 126), (208, 214, 221)),
    ((178, 140, 124), (234, 225, 211)),
)
"""Colours of wall and table."""
_SHEEN = 0.16
"""How far the table is lightened towards white at the wall; nothing at its front."""
_WHITE: Colour = (255, 255, 255)
_INK: Colour = (42, 46, 56)
_STEEL: Colour = (74, 83, 99)
_BLANK: Colour = (252, 252, 250)
_CRATE: Colour = (104, 92, 84)
_BESIDE = {"up": "above", "down": "below", "left": "to the left of", "right": "to the right of"}

_ASK_GOAL = (
    "At which letter does the dotted path end?",
    "Which goal will the robot reach?",
    "To which letter do the dots lead?",
)
_ASK_GOAL_COLOUR = ("What colour is the goal that the path leads to?", "Which colour has the robot's goal?")
_ASK_BENDS = ("How often does the dotted path bend?", "How many turns does the robot's path take?", "Count the bends.")
_ASK_BESIDE_COLOUR = (
    "What colour is the object directly {beside} the marked one?",
    "Which colour lies directly {beside} the brackets?",
)
_ASK_BESIDE_SHAPE = (
    "Which shape is the object directly {beside} the marked one?",
    "What shape lies directly {beside} the brackets?",
)
_ASK_MOVE = (
    "Which way should the robot move to get to the flag?",
    "How must the robot move first to reach the flag?",
    "What is the first step of the shortest way?",
)
_ASK_MOVES = ("How many moves to the flag?", "How many steps is the shortest way to the flag?")
_ASK_NEAREST_COLOUR = (
    "What colour is the object nearest to the gripper?",
    "Which colour is closest to the fingers of the gripper?",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Room:
    wall: Colour
    table: Colour
    fade: float
    """How far colours have moved towards the table's, in [0, 1]."""

    def faded(self, colour: Colour) -> Colour:
        return mixed(colour, self.table, self.fade)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Thing:
    """An object on the table."""

    shape: str
    colour: str
    centre: Point


class Embodied(Family):
    """What a robot sees, and what it should do next."""

    name = "embodied"
    native_px = 384

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        wall, table = _ROOMS[int(rng.integers(len(_ROOMS)))]
        room = _Room(wall=wall, table=table, fade=between(0.0, 0.32, difficulty) * float(rng.uniform(0.5, 1.0)))
        canvas = Canvas(size_px, table)
        _draw_room(canvas, rng, room, rail=kind in ("relation", "reach"))
        if kind == "trajectory":
            queries, measured = _draw_trajectory(canvas, rng, difficulty, room)
        elif kind == "relation":
            queries, measured = _draw_relation(canvas, rng, difficulty, room)
        elif kind == "move":
            queries, measured = _draw_move(canvas, rng, difficulty, room)
        else:
            queries, measured = _draw_reach(canvas, rng, difficulty, room)
        image = textured(canvas.finish(), between(0.08, 0.42, difficulty), rng)
        inks = [room.faded(colour) for colour in (*COLOURS.values(), _INK)]
        contrast = min(distance(ink, shade) for ink in inks for shade in (table, mixed(table, _WHITE, _SHEEN)))
        factors = {"difficulty": difficulty, "kind": kind, "contrast": contrast, "edge": distance(wall, table)}
        return Figure(image=image, queries=queries, factors=factors | measured)

    def check(self, figure: Figure) -> None:
        floors = {
            "contrast": MIN_CONTRAST,
            "edge": MIN_EDGE,
            "mark": MIN_MARK,
            "part": MIN_PART,
            "gap": MIN_GAP,
            "cell": MIN_CELL,
            "lead": MIN_LEAD,
            "alignment": MIN_ALIGNMENT,
        }
        for name, floor in floors.items():
            # Each kind measures what it draws: a maze has no letters, a path no cells.
            if float(figure.factors.get(name, floor)) < floor:
                raise TaskError(
                    f"An {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw it larger, in more contrast or further apart."
                )


def _draw_room(canvas: Canvas, rng: np.random.Generator, room: _Room, *, rail: bool) -> None:
    """Draw the wall, the table with its grain, its front side and, for a gripper, a rail along the wall."""
    canvas.rectangle(0, 0, 1, TABLE_TOP, room.wall)
    num_strips = 24
    height = (TABLE_FRONT - TABLE_TOP) / num_strips
    for i in range(num_strips):
        shade = mixed(room.table, _WHITE, _SHEEN * (1 - i / num_strips))
        grain = mixed(shade, _INK, float(rng.uniform(0.0, 0.025)))
        canvas.rectangle(0, TABLE_TOP + i * height, 1, TABLE_TOP + (i + 1) * height, grain)
    canvas.rectangle(0, TABLE_TOP - 0.012, 1, TABLE_TOP, mixed(room.wall, _INK, 0.45))
    canvas.rectangle(0, TABLE_FRONT, 1, 1, mixed(room.table, _INK, 0.38))
    canvas.rectangle(0, TABLE_FRONT, 1, TABLE_FRONT + 0.008, mixed(room.table, _WHITE, 0.5))
    if rail:
        canvas.rectangle(0, 0.045, 1, 0.085, mixed(_STEEL, room.wall, 0.35))
        canvas.rectangle(0, 0.045, 1, 0.055, mixed(_STEEL, _WHITE, 0.55))


def _draw_thing(canvas: Canvas, rng: np.random.Generator, room: _Room, thing: _Thing, radius: float) -> None:
    """Draw an object as a low block with a soft shadow."""
    (x, y), turn = thing.centre, float(rng.uniform(-0.22, 0.22))
    colour = room.faded(COLOURS[thing.colour])
    for spread, depth in ((1.22, 0.05), (1.12, 0.1)):
        canvas.shape(thing.shape, x, y + 0.26 * radius, spread * radius, mixed(room.table, _INK, depth), turn)
    canvas.shape(thing.shape, x, y + 0.17 * radius, radius, mixed(colour, _INK, 0.4), turn)
    canvas.shape(thing.shape, x, y, radius, colour, turn)


def _draw_robot(canvas: Canvas, room: _Room, centre: Point, radius: float, colour: str) -> None:
    """Draw the robot from above: wheels, a coloured body, a camera."""
    x, y = centre
    canvas.circle(x, y + 0.18 * radius, 1.12 * radius, mixed(room.table, _INK, 0.12))
    for side in (-1, 1):
        middle = x + side * 0.8 * radius
        canvas.rectangle(middle - 0.24 * radius, y - 0.6 * radius, middle + 0.24 * radius, y + 0.6 * radius, _INK)
    canvas.circle(x, y, 0.86 * radius, room.faded(COLOURS[colour]), mixed(COLOURS[colour], _INK, 0.45), 0.13 * radius)
    canvas.circle(x, y - 0.2 * radius, 0.36 * radius, _BLANK)
    canvas.circle(x, y - 0.2 * radius, 0.19 * radius, _INK)


def _any_thing(rng: np.random.Generator, centre: Point) -> _Thing:
    return _Thing(shape=pick(SHAPES, rng), colour=pick(tuple(COLOURS), rng), centre=centre)


def _draw_trajectory(canvas: Canvas, rng: np.random.Generator, difficulty: float, room: _Room) -> Drawn:
    num_goals = int(rng.integers(3 + round(0.6 * difficulty), round(between(3.4, 5, difficulty)) + 1))
    num_bends = int(rng.integers(1 + round(difficulty), round(between(MAX_BENDS - 1.4, MAX_BENDS, difficulty)) + 1))
    route = plan_route(rng, num_goals, num_bends, between(0.07, 0.035, difficulty))
    letters = [LETTERS[int(i)] for i in rng.permutation(len(LETTERS))[:num_goals]]
    colours = [tuple(COLOURS)[int(i)] for i in rng.permutation(len(COLOURS))[: num_goals + 1]]
    height = between(0.145, 0.125, difficulty)
    for (x, y), letter, colour in zip(route.goals, letters, colours, strict=False):
        canvas.circle(x, y + 0.014, GOAL_RADIUS + 0.006, mixed(room.table, _INK, 0.12))
        canvas.circle(x, y, GOAL_RADIUS, _BLANK, room.faded(COLOURS[colour]), 0.02)
        canvas.text(x, y, letter, _INK, height)
    dot, bend = between(0.0135, 0.0105, difficulty), between(0.026, 0.02, difficulty)
    ink = room.faded(_INK)
    for x, y in route.dots:
        canvas.circle(x, y, dot, ink)
    for x, y in route.bends:
        canvas.circle(x, y, bend, ink)
    _draw_robot(canvas, room, route.start, ROBOT_RADIUS, colours[-1])
    queries = (
        Query(intent=Intent.LETTER, answer=letters[0]),
        Query(intent=Intent.LETTER, answer=letters[0], question=pick(_ASK_GOAL, rng)),
        Query(intent=Intent.COUNT, answer=str(num_bends), where=route.bends),
        Query(intent=Intent.COUNT, answer=str(num_bends), question=pick(_ASK_BENDS, rng), where=route.bends),
        Query(intent=Intent.COLOUR, answer=colours[0], question=pick(_ASK_GOAL_COLOUR, rng)),
    )
    return queries, {"mark": height, "part": 2 * dot, "gap": route.gap - dot, "num_elements": num_goals}


def _draw_relation(canvas: Canvas, rng: np.random.Generator, difficulty: float, room: _Room) -> Drawn:
    columns, rows = (3 + int(rng.random() < difficulty) for _ in range(2))
    direction = pick(DIRECTIONS, rng)
    step = STEPS[direction]
    marked = (
        int(rng.integers(max(0, -step[0]), columns - max(0, step[0]))),
        int(rng.integers(max(0, -step[1]), rows - max(0, step[1]))),
    )
    neighbour = (marked[0] + step[0], marked[1] + step[1])
    others = [(i, j) for i in range(columns) for j in range(rows) if (i, j) not in (marked, neighbour)]
    num_others = int(rng.integers(3 + round(2 * difficulty), len(others) + 1))
    cells = [marked, neighbour, *(others[int(i)] for i in rng.permutation(len(others))[:num_others])]
    pitch = (0.94 / columns, (TABLE_FRONT - TABLE_TOP - 0.03) / rows)
    radius = between(0.31, 0.28, difficulty) * min(pitch)
    slack = between(0.05, 0.1, difficulty) * min(pitch)
    things = [
        _any_thing(
            rng,
            (
                0.03 + (i + 0.5) * pitch[0] + float(rng.uniform(-slack, slack)),
                TABLE_TOP + 0.012 + (j + 0.5) * pitch[1] + float(rng.uniform(-slack, slack)),
            ),
        )
        for i, j in cells
    ]
    for thing in things:
        _draw_thing(canvas, rng, room, thing, radius)
    _draw_carriage(canvas, float(rng.uniform(0.15, 0.85)))
    width = between(0.026, 0.019, difficulty)
    _draw_brackets(canvas, things[0].centre, 1.36 * radius, width)
    (x, y), (u, v) = things[0].centre, things[1].centre
    straight, sideways = (abs(u - x), abs(v - y)) if step[0] else (abs(v - y), abs(u - x))
    beside = _BESIDE[direction]
    queries = (
        Query(intent=Intent.COLOUR, answer=things[0].colour, where=(things[0].centre,)),
        Query(intent=Intent.SHAPE, answer=things[0].shape, where=(things[0].centre,)),
        Query(intent=Intent.COUNT, answer=str(len(things)), where=tuple(thing.centre for thing in things)),
        Query(
            intent=Intent.COLOUR, answer=things[1].colour, question=pick(_ASK_BESIDE_COLOUR, rng).format(beside=beside)
        ),
        Query(intent=Intent.SHAPE, answer=things[1].shape, question=pick(_ASK_BESIDE_SHAPE, rng).format(beside=beside)),
    )
    # The longest shape reaches 1.15 radii; a block's side adds a little below.
    gap = min(pitch) - 2 * slack - 2.4 * radius
    return queries, {"part": width, "gap": gap, "alignment": 1 - sideways / straight, "num_elements": len(things)}


def _draw_brackets(canvas: Canvas, centre: Point, half: float, width: float) -> None:
    """Draw the corners of a square, as a camera marks what it tracks."""
    x, y = centre
    for side in (-1, 1):
        for end in (-1, 1):
            corner = (x + side * half, y + end * half)
            arm = 0.62 * half
            canvas.line([(corner[0] - side * arm, corner[1]), corner, (corner[0], corner[1] - end * arm)], _INK, width)


def _draw_carriage(canvas: Canvas, x: float) -> None:
    """Draw what runs along the rail."""
    canvas.rectangle(x - 0.075, 0.025, x + 0.075, 0.105, _STEEL)
    canvas.rectangle(x - 0.075, 0.025, x + 0.075, 0.04, mixed(_STEEL, _WHITE, 0.4))
    canvas.circle(x, 0.07, 0.022, mixed(_STEEL, _WHITE, 0.7))
    canvas.circle(x, 0.07, 0.012, _INK)


def _draw_gripper(canvas: Canvas, grip: Point) -> None:
    """Draw a gripper that hangs from the rail; `grip` lies between the tips of its fingers."""
    x, y = grip
    pale = mixed(_STEEL, _WHITE, 0.45)
    _draw_carriage(canvas, x)
    canvas.rectangle(x - 0.02, 0.105, x + 0.02, y - 0.1, _STEEL)
    canvas.rectangle(x - 0.02, 0.105, x - 0.007, y - 0.1, pale)
    canvas.rectangle(x - 0.075, y - 0.115, x + 0.075, y - 0.07, _STEEL)
    canvas.rectangle(x - 0.075, y - 0.115, x + 0.075, y - 0.103, pale)
    for side in (-1, 1):
        finger = ((0.05, -0.075), (0.075, -0.075), (0.075, -0.025), (0.05, 0.012), (0.032, 0.012), (0.05, -0.03))
        canvas.polygon([(x + side * u, y + v) for u, v in finger], _STEEL)


def _draw_reach(canvas: Canvas, rng: np.random.Generator, difficulty: float, room: _Room) -> Drawn:
    count = int(rng.integers(3 + round(difficulty), round(between(4, 7, difficulty)) + 1))
    radius = between(0.08, 0.06, difficulty)
    # Nobody asks for the place, as the picture is taken askew; it spreads the nearest objects over the table.
    place = pick(PLACES, rng)
    reach = plan_reach(rng, count, radius, place, between(0.14, 0.07, difficulty))
    things = [_any_thing(rng, centre) for centre in reach.centres]
    for thing in things:
        _draw_thing(canvas, rng, room, thing, radius)
    _draw_gripper(canvas, reach.grip)
    nearest = things[0]
    queries = (
        Query(intent=Intent.COLOUR, answer=nearest.colour),
        Query(intent=Intent.COLOUR, answer=nearest.colour, question=pick(_ASK_NEAREST_COLOUR, rng)),
        Query(intent=Intent.SHAPE, answer=nearest.shape),
    )
    apart = min(hypot(x - u, y - v) for i, (x, y) in enumerate(reach.centres) for u, v in reach.centres[:i])
    margin = place_margin(nearest.centre)
    return queries, {"gap": apart - 2.4 * radius, "lead": reach.lead, "place_margin": margin, "num_elements": count}


def _draw_move(canvas: Canvas, rng: np.random.Generator, difficulty: float, room: _Room) -> Drawn:
    side = int(rng.integers(4 + round(0.8 * difficulty), 5 + round(2 * difficulty)))
    num_moves = int(rng.integers(2 + round(difficulty), 6 + round(3 * difficulty)))
    # Short ways lead straight towards the flag; a longer one may have to begin with a detour.
    detour = num_moves >= MIN_DETOUR and rng.random() < between(0.2, 0.8, difficulty)
    maze = plan_maze(rng, side=side, num_moves=num_moves, first_move=pick(DIRECTIONS, rng), detour=detour)
    cell = 0.76 / side
    left, top = 0.5 - side * cell / 2, (TABLE_TOP + TABLE_FRONT - side * cell) / 2
    _draw_floor(canvas, room, side, cell, left, top)
    centre = {(i, j): (left + (i + 0.5) * cell, top + (j + 0.5) * cell) for i in range(side) for j in range(side)}
    for box in sorted(maze.boxes):
        _draw_crate(canvas, room, centre[box], 0.41 * cell)
    _draw_flag(canvas, centre[maze.flag], 0.4 * cell)
    colour = pick(tuple(COLOURS), rng)
    _draw_robot(canvas, room, centre[maze.robot], 0.42 * cell, colour)
    boxes = tuple(centre[box] for box in sorted(maze.boxes))
    queries = (
        Query(intent=Intent.DIRECTION, answer=maze.first_move),
        Query(intent=Intent.DIRECTION, answer=maze.first_move, question=pick(_ASK_MOVE, rng)),
        Query(intent=Intent.COLOUR, answer=colour, where=(centre[maze.robot],)),
        Query(intent=Intent.COUNT, answer=str(len(boxes)), where=boxes),
        Query(intent=Intent.COUNT, answer=str(maze.num_moves), question=pick(_ASK_MOVES, rng)),
    )
    return queries, {"cell": cell, "num_elements": len(boxes), "num_moves": maze.num_moves}


def _draw_floor(canvas: Canvas, room: _Room, side: int, cell: float, left: float, top: float) -> None:
    extent = side * cell
    canvas.rectangle(left, top, left + extent, top + extent, mixed(room.table, _WHITE, 0.45))
    ink = mixed(room.table, _INK, 0.3)
    for k in range(side + 1):
        canvas.line([(left + k * cell, top), (left + k * cell, top + extent)], ink, 0.006)
        canvas.line([(left, top + k * cell), (left + extent, top + k * cell)], ink, 0.006)


def _draw_crate(canvas: Canvas, room: _Room, centre: Point, half: float) -> None:
    x, y = centre
    colour = mixed(_CRATE, room.table, 0.5 * room.fade)
    canvas.rectangle(x - half, y - half, x + half, y + half, mixed(colour, _INK, 0.45))
    canvas.rectangle(x - half, y - half, x + half, y + 0.68 * half, colour)
    canvas.rectangle(x - half, y - half, x + half, y - 0.8 * half, mixed(colour, _WHITE, 0.25))


def _draw_flag(canvas: Canvas, centre: Point, half: float) -> None:
    x, y = centre
    canvas.circle(x, y, half, _BLANK, _INK, 0.16 * half)
    cloth = ((-0.3, -0.62), (0.6, -0.24), (-0.3, 0.14))
    canvas.polygon([(x + u * half, y + v * half) for u, v in cloth], _INK)
    canvas.rectangle(x - 0.4 * half, y - 0.66 * half, x - 0.24 * half, y + 0.66 * half, _INK)
