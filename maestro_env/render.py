"""What an episode looks like: as text, and as a picture drawn with Pillow alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isnan

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from maestro_env.dynamics import Rules, State, World, settle
from maestro_env.errors import TaskError
from maestro_env.recordings.recording import MISSING, STATUSES
from maestro_env.tasks import load_image
from maestro_env.types import WHOLE, Box, Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One line of the trace."""

    expert: str
    """Empty for a turn that was lost to a masked action."""
    context: str
    """Id of the context in which the expert was called."""
    skill_tier2: str
    text: str
    answer: str
    """Empty if the reply holds none."""
    status: str
    confidence: float | None
    cost: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """What there is to see of an episode at one moment."""

    task_id: str
    question: str
    choices: tuple[str, ...]
    image: str
    """Reference of the picture; empty if the task has none."""
    context: str
    box: Box | None
    """The region that experts look at now, in pixels of the picture."""
    turns: tuple[Turn, ...]
    turns_left: int
    cost: float
    cost_unit: str
    outcome: str
    """Empty until the end, as the next two."""
    answer: str
    gold: str


def make_frame(world: World, rules: Rules, state: State) -> Frame:
    """Return what there is to see of an episode in a state."""
    recording = world.recording
    task = recording.tasks[state.task]
    context = recording.context(state.task, state.slot)
    settlement = settle(world, rules, state) if state.ended else None
    return Frame(
        task_id=task.id,
        question=task.question,
        choices=task.choices,
        image=task.images[0] if task.images else "",
        context=context.id,
        box=context.box,
        turns=tuple(_turn(world, state, call) for call in state.calls),
        turns_left=rules.max_turns - len(state.calls),
        cost=state.cost,
        cost_unit=recording.cost_unit,
        outcome=settlement.outcome.value if settlement else "",
        answer=settlement.answer if settlement else "",
        gold=task.gold if settlement else "",
    )


def _turn(world: World, state: State, call: int) -> Turn:
    if call == MISSING:
        return Turn(expert="", context="", skill_tier2="", text="", answer="", status="", confidence=None, cost=0.0)
    recording = world.recording
    slot, expert = divmod(call, len(world.column_of))
    cell = (state.task, slot, world.column_of[expert])
    tier2, answer = recording.skill_tier2.item(cell), recording.answer.item(cell)
    confidence = recording.confidence.item(cell)
    return Turn(
        expert=world.registry.ids[expert],
        context=recording.context_ids[state.task][slot],
        skill_tier2="" if tier2 == MISSING else recording.tier2[tier2],
        text=recording.texts[recording.text.item(cell)],
        answer="" if answer == MISSING else recording.answers[answer],
        status=STATUSES[recording.status.item(cell)].value,
        confidence=None if isnan(confidence) else confidence,
        cost=world.cost.item(cell),
    )


def text(frame: Frame) -> str:
    """Return a frame as lines of plain text."""
    lines = [f"{frame.task_id}  {frame.question}"]
    if frame.choices:
        lines.append(f"  choices: {', '.join(frame.choices)}")
    for number, turn in enumerate(frame.turns, start=1):
        lines.append(f"  {number}. {_what(turn)}  ->  {_said(turn)}  [{_cost(turn.cost, frame.cost_unit)}]")
    lines.append(f"  now in {frame.context}; {_budget(frame)}")
    if frame.outcome:
        lines.append(f"  {_ending(frame)}")
    return "\n".join(lines)


def _what(turn: Turn) -> str:
    if not turn.expert:
        return "masked action"
    place = "" if turn.context == WHOLE else f" in {turn.context}"
    return f"{turn.expert}{f' ({turn.skill_tier2})' if turn.skill_tier2 else ''}{place}"


def _said(turn: Turn) -> str:
    if not turn.expert:
        return "the turn is spent"
    failed = "" if turn.status == Status.OK else f"{turn.status}: "
    sure = "" if turn.confidence is None else f" ({turn.confidence:.0%} sure)"
    return f"{failed}{turn.text}{sure}"


def _cost(cost: float, unit: str) -> str:
    if unit == "usd":
        return f"${cost:.6f}"
    return f"{cost:g} {unit.removesuffix('es') if cost == 1 else unit}"


def _budget(frame: Frame) -> str:
    turns = f"{frame.turns_left} turn{'' if frame.turns_left == 1 else 's'} left"
    return f"{turns}, {_cost(frame.cost, frame.cost_unit)} spent"


def _ending(frame: Frame) -> str:
    answer = f"answer {frame.answer!r}" if frame.answer else "no answer"
    return f"{frame.outcome.replace('_', ' ')}: {answer}, gold {frame.gold!r}"


_WIDTH_PX, _MARGIN_PX, _PICTURE_PX = 960, 24, 440
_HEADER_PX, _FOOTER_PX, _CARD_PX, _GAP_PX = 84, 60, 76, 10
_PAPER, _CARD, _INK, _FAINT, _LINE = "#f6f4ef", "#ffffff", "#22262e", "#767b86", "#dcd8ce"
_ACCENT, _GOOD, _BAD, _UNSURE = "#c2410c", "#15803d", "#b91c1c", "#a16207"
_OUTCOME_COLOURS = {"correct": _GOOD, "wrong": _BAD}


def picture(frame: Frame) -> NDArray[np.uint8]:
    """Return a frame as a picture: the question, what is looked at (outlined), each call and the outcome.

    Returns:
        [H, 960, 3] RGB; H depends on how many turns an episode has, not on how many were taken.
    """
    num_cards = max(len(frame.turns) + frame.turns_left, 1)
    cards_px = num_cards * (_CARD_PX + _GAP_PX) - _GAP_PX
    height = _HEADER_PX + max(_PICTURE_PX, cards_px) + _FOOTER_PX + 2 * _MARGIN_PX
    canvas = Image.new("RGB", (_WIDTH_PX, height), _PAPER)
    draw = ImageDraw.Draw(canvas)
    _draw_header(draw, frame)
    _draw_image(canvas, draw, frame, left=_MARGIN_PX, top=_MARGIN_PX + _HEADER_PX)
    left = _MARGIN_PX + _PICTURE_PX + _MARGIN_PX
    for number in range(num_cards):
        top = _MARGIN_PX + _HEADER_PX + number * (_CARD_PX + _GAP_PX)
        _draw_card(draw, frame, number, box=(left, top, _WIDTH_PX - _MARGIN_PX, top + _CARD_PX))
    _draw_footer(draw, frame, top=height - _MARGIN_PX - _FOOTER_PX + 16)
    return np.array(canvas)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _draw_header(draw: ImageDraw.ImageDraw, frame: Frame) -> None:
    draw.text((_MARGIN_PX, _MARGIN_PX - 6), frame.task_id, font=_font(15), fill=_FAINT)
    lines = _wrap(draw, frame.question, size=24, width=_WIDTH_PX - 2 * _MARGIN_PX, max_lines=2)
    for number, line in enumerate(lines):
        draw.text((_MARGIN_PX, _MARGIN_PX + 14 + 29 * number), line, font=_font(24), fill=_INK)


def _draw_image(canvas: Image.Image, draw: ImageDraw.ImageDraw, frame: Frame, *, left: int, top: int) -> None:
    try:
        image = load_image(frame.image) if frame.image else None
    except TaskError:
        image = None
    if image is None:
        draw.rectangle((left, top, left + _PICTURE_PX, top + _PICTURE_PX), fill=_CARD, outline=_LINE, width=2)
        why = f"cannot be loaded: {frame.image}" if frame.image else "This task has no picture."
        for number, line in enumerate(_wrap(draw, why, size=16, width=_PICTURE_PX - 40, max_lines=3)):
            draw.text((left + 20, top + 20 + 22 * number), line, font=_font(16), fill=_FAINT)
        return
    scale = _PICTURE_PX / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas.paste(image.convert("RGB").resize(size, Image.Resampling.LANCZOS), (left, top))
    draw.rectangle((left - 1, top - 1, left + size[0], top + size[1]), outline=_LINE, width=1)
    if frame.box is None:
        return
    corners = (frame.box.left, frame.box.top, frame.box.right, frame.box.bottom)
    x0, y0, x1, y1 = (round(corner * scale) for corner in corners)
    region = (left + x0, top + y0, left + max(x1, x0 + 2), top + max(y1, y0 + 2))
    draw.rectangle(
        tuple(side + grow for side, grow in zip(region, (-2, -2, 2, 2), strict=True)), outline="white", width=6
    )
    draw.rectangle(region, outline=_ACCENT, width=3)


def _draw_card(draw: ImageDraw.ImageDraw, frame: Frame, number: int, *, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    if number >= len(frame.turns):
        draw.rounded_rectangle(box, radius=10, outline=_LINE, width=2)
        if not frame.outcome:
            draw.text((left + 16, top + (_CARD_PX - 16) // 2), f"turn {number + 1}", font=_font(15), fill=_FAINT)
        return
    turn = frame.turns[number]
    draw.rounded_rectangle(box, radius=10, fill=_CARD, outline=_LINE, width=2)
    colour = _turn_colour(turn, frame)
    draw.rounded_rectangle((left, top, left + 8, bottom), radius=4, fill=colour)
    price = _cost(turn.cost, frame.cost_unit)
    price_px = round(draw.textlength(price, font=_font(14)))
    draw.text((right - 14 - price_px, top + 11), price, font=_font(14), fill=_FAINT)
    width = right - left - 50 - price_px
    draw.text((left + 20, top + 10), _fit(draw, _what(turn), size=15, width=width), font=_font(15), fill=_FAINT)
    said = _said(turn) if turn.confidence is None else turn.text
    draw.text((left + 20, top + 36), _fit(draw, said, size=22, width=right - left - 190), font=_font(22), fill=colour)
    if turn.confidence is not None:
        _draw_bar(draw, turn.confidence, right=right - 14, top=top + 48, colour=colour)


def _draw_bar(draw: ImageDraw.ImageDraw, share: float, *, right: int, top: int, colour: str) -> None:
    width = 90
    label = f"{share:.0%}"
    draw.text((right - width - 8, top - 4), label, font=_font(14), fill=_FAINT, anchor="ra")
    draw.rounded_rectangle((right - width, top, right, top + 8), radius=4, fill=_LINE)
    if share > 0:
        draw.rounded_rectangle(
            (right - width, top, right - width + max(8, round(width * share)), top + 8), 4, fill=colour
        )


def _turn_colour(turn: Turn, frame: Frame) -> str:
    if not turn.expert or turn.status != Status.OK:
        return _BAD
    if frame.answer and turn.answer == frame.answer:
        return _OUTCOME_COLOURS.get(frame.outcome, _INK)
    return _INK


def _draw_footer(draw: ImageDraw.ImageDraw, frame: Frame, *, top: int) -> None:
    draw.line((_MARGIN_PX, top, _WIDTH_PX - _MARGIN_PX, top), fill=_LINE, width=2)
    budget = _budget(frame)
    width = round(draw.textlength(budget, font=_font(16)))
    draw.text((_WIDTH_PX - _MARGIN_PX - width, top + 18), budget, font=_font(16), fill=_FAINT)
    left = _ending(frame) if frame.outcome else f"looking at {frame.context}"
    colour = _OUTCOME_COLOURS.get(frame.outcome, _UNSURE) if frame.outcome else _INK
    fitted = _fit(draw, left, size=22, width=_WIDTH_PX - 3 * _MARGIN_PX - width)
    draw.text((_MARGIN_PX, top + 13), fitted, font=_font(22), fill=colour)


def _fit(draw: ImageDraw.ImageDraw, line: str, *, size: int, width: int) -> str:
    """Return as much of a line as fits, with an ellipsis where it was cut."""
    line = " ".join(line.split())
    if draw.textlength(line, font=_font(size)) <= width:
        return line
    while line and draw.textlength(f"{line}...", font=_font(size)) > width:
        line = line[:-1]
    return f"{line}..."


def _wrap(draw: ImageDraw.ImageDraw, paragraph: str, *, size: int, width: int, max_lines: int) -> Sequence[str]:
    """Break a paragraph at spaces into at most `max_lines` lines; the last one is cut to fit."""
    lines = [""]
    for word in paragraph.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if len(lines) < max_lines and lines[-1] and draw.textlength(longer, font=_font(size)) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_fit(draw, line, size=size, width=width) for line in lines]
