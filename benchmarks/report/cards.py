"""The gallery: each episode as a card with its picture, what was looked at, and every call."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

from PIL import Image

from benchmarks.report.gallery import KINDS, Example
from benchmarks.report.markup import Markup, join, tag
from benchmarks.report.wording import breakable, cost
from maestro_env.errors import TaskError
from maestro_env.render import Frame, Turn
from maestro_env.tasks import load_image
from maestro_env.types import WHOLE, Status

_PICTURE_PX = 360
"""Longer side of an embedded picture: about ten kilobytes each."""
_QUALITY = 78
_MOST_LETTERS = 300
"""Longer questions and replies are cut."""
_MOST_CHOICES = 8
_MARKS = {"right": "✓", "right, with wasted calls": "✓", "wrong": "✗", "right at first, then wrong": "✗"}


def cards(examples: Sequence[Example]) -> Markup:
    """Return the gallery with its filters; the page's script makes them work."""
    return join(
        tag(
            "p",
            _filter("agent", "Agent", [example.agent for example in examples]),
            _filter("benchmark", "Benchmark", [example.benchmark for example in examples]),
            _filter("kind", "Outcome", [kind for kind in KINDS if any(example.kind == kind for example in examples)]),
            tag("output", f"{len(examples)} episodes", id="found"),
            class_="filters scripted",
            id="filters",
        ),
        tag("div", *(_card(example) for example in examples), class_="cards"),
    )


def _filter(key: str, label: str, values: Sequence[str]) -> Markup:
    options = [tag("option", value, value=value) for value in dict.fromkeys(values)]
    return tag("label", f"{label} ", tag("select", tag("option", "all", value=""), *options, data_filter=key))


def _card(example: Example) -> Markup:
    frame = example.frame
    return tag(
        "article",
        _picture(example),
        tag(
            "div",
            tag(
                "p",
                tag("span", f"{_MARKS.get(example.kind, '–')} {example.kind}", class_=f"badge {_tone(example)}"),
                tag("span", example.agent, class_="who"),
                tag("code", frame.task_id),
                class_="head",
            ),
            tag("h3", _cut(frame.question)),
            _choices(frame),
            tag("ol", *(_turn(turn, frame) for turn in frame.turns), class_="trace")
            if frame.turns
            else tag("p", "No call."),
            _ending(example),
            class_="words",
        ),
        class_="card",
        data_agent=example.agent,
        data_benchmark=example.benchmark,
        data_kind=example.kind,
    )


def _tone(example: Example) -> str:
    return "good" if example.frame.outcome == "correct" else "bad" if example.frame.outcome == "wrong" else "unsure"


def _picture(example: Example) -> Markup:
    """Return the task's picture with the regions that were looked at; what cannot be loaded is said in words."""
    frame = example.frame
    try:
        image = load_image(frame.image) if frame.image else None
    except TaskError:
        return tag("p", "The picture cannot be loaded.", class_="no-picture")
    if image is None:
        return tag("p", "This task has no picture.", class_="no-picture")
    width, height = image.size
    regions = [
        tag(
            "g",
            tag("title", context),
            tag("rect", x=box.left, y=box.top, width=box.width, height=box.height, class_="halo"),
            tag("rect", x=box.left, y=box.top, width=box.width, height=box.height, class_="box"),
        )
        for context, box in example.boxes.items()
    ]
    looked = f"; looked at: {', '.join(example.boxes)}" if example.boxes else ""
    return tag(
        "svg",
        tag("title", f"Picture of task {frame.task_id}{looked}"),
        tag("image", href=_data_uri(image), width=width, height=height),
        *regions,
        viewBox=f"0 0 {width} {height}",
        role="img",
        class_="picture",
    )


def _data_uri(image: Image.Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((_PICTURE_PX, _PICTURE_PX), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode('ascii')}"


def _choices(frame: Frame) -> Markup:
    if not frame.choices:
        return Markup()
    rest = len(frame.choices) - _MOST_CHOICES
    more = f" and {rest} more" if rest > 0 else ""
    return tag("p", f"Choices: {', '.join(frame.choices[:_MOST_CHOICES])}{more}", class_="note")


def _turn(turn: Turn, frame: Frame) -> Markup:
    tier2 = f" ({turn.skill_tier2})" if turn.skill_tier2 else ""
    place = "" if turn.context == WHOLE else f" in {turn.context}"
    said = _cut(turn.text) if turn.status == Status.OK else f"{turn.status}: {_cut(turn.text)}"
    right = turn.answer and turn.answer == frame.gold
    sure = Markup() if turn.confidence is None else tag("span", f"{turn.confidence:.0%} sure", class_="pale")
    return tag(
        "li",
        tag("span", breakable(turn.expert), f"{tier2}{place}", class_="expert-name"),
        tag("span", tag("b", said, class_="good-text" if right else None), " ", sure, class_="said"),
        tag("span", cost(turn.cost, frame.cost_unit), class_="price"),
    )


def _ending(example: Example) -> Markup:
    frame = example.frame
    answer = join("answer ", tag("b", _cut(frame.answer))) if frame.answer else join("no answer")
    gold = join(", gold ", tag("b", _cut(frame.gold)))
    calls = "call" if example.wasted == 1 else "calls"
    wasted = f" The answer was right {example.wasted} {calls} before the end." if example.wasted else ""
    return tag("p", answer, gold, f"; {cost(frame.cost, frame.cost_unit)}.{wasted}", class_="ending")


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
