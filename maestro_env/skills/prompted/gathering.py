"""Fetching evidence from services: what each is asked, what its completion means, and in which order they are asked.

A service that fails, or whose completion cannot be understood, gives evidence that says so; nothing is taken for
evidence that is none.
"""

from collections.abc import Generator
from dataclasses import dataclass

from PIL import Image

from maestro_env.skills.prompted.answers import without_thinking
from maestro_env.skills.prompted.base import Completion, Prompt, Request
from maestro_env.skills.prompted.boxes import boxes_in, close_up, sent, with_boxes
from maestro_env.skills.prompted.evidence import Evidence, Gathered, Kind
from maestro_env.types import Status

NOTHING = "none"
"""What a service is to write where there is nothing: an empty completion is a failure."""

CAPTION_PROMPT = (
    "Describe this picture for somebody who cannot see it and has to answer a question about it. Say what kind of "
    "picture it is, what is in it and where, and all labels, numbers and relations that can be made out. State only "
    "what can be seen; do not answer any question."
)
OCR_PROMPT = (
    "Text Recognition: write out all text in this picture, line by line from the top, exactly as it stands there, "
    f"and nothing else. If there is no text, write: {NOTHING}"
)
_DETECTION_PROMPT = (
    "This picture is {width} pixels wide and {height} pixels high. Find every single object in it that the following "
    "question may be about, each one on its own.\nQuestion: {question}\n"
    'Reply with a JSON list alone: [{{"label": "what it is", "box": [left, top, right, bottom]}}, ...], in pixels. '
    "If there is no such object, reply: []"
)
_ZOOM_PROMPT = (
    "This picture is {width} pixels wide and {height} pixels high. Which part of it would have to be seen from near to "
    "answer the following question?\nQuestion: {question}\n{focus}{detected}"
    'Reply with JSON alone: {{"box": [left, top, right, bottom]}}, in pixels. If no part is worth a closer look, '
    'reply: {{"box": null}}'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wants:
    """Which evidence a skill fetches; all of it is shown."""

    kinds: tuple[Kind, ...]
    max_zooms: int | None = 1
    """How many of the pictures, from the first, are looked at for a close-up; None for all."""
    focus: str = ""
    """What a close-up should be of: one sentence for the zoom service; empty leaves it to the question."""

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the services that are asked."""
        return tuple(str(kind) for kind in self.kinds)


_Fetching = Generator[tuple[Request, ...], tuple[Completion, ...], Gathered]


def gather(pictures: tuple[Image.Image, ...], question: str, wants: Wants) -> _Fetching:
    """Fetch evidence about pictures; what does not need other evidence is asked for at the same time.

    Args:
        pictures: As the context shows them.
        question: The task's, without its choices.
        wants: What to fetch. Close-ups are chosen after objects were detected, by a service that is told of them.
    """
    later = Kind.ZOOM in wants.kinds and Kind.DETECTION in wants.kinds
    first = [kind for kind in wants.kinds if not (later and kind == Kind.ZOOM)]
    evidence = yield from _fetch(pictures, question, wants, first, ())
    if later:
        evidence += yield from _fetch(pictures, question, wants, [Kind.ZOOM], evidence)
    return Gathered(pictures=pictures, evidence=evidence)


def _fetch(
    pictures: tuple[Image.Image, ...], question: str, wants: Wants, kinds: list[Kind], known: tuple[Evidence, ...]
) -> Generator[tuple[Request, ...], tuple[Completion, ...], tuple[Evidence, ...]]:
    asked = [
        (kind, i)
        for kind in kinds
        for i in range(len(pictures))
        if kind != Kind.ZOOM or wants.max_zooms is None or i < wants.max_zooms
    ]
    if not asked:
        return ()
    completions = yield tuple(_prompt(kind, pictures[i], i + 1, question, wants, known) for kind, i in asked)
    return tuple(
        _evidence(kind, pictures[i], i + 1, completion)
        for (kind, i), completion in zip(asked, completions, strict=True)
    )


def _prompt(
    kind: Kind, picture: Image.Image, number: int, question: str, wants: Wants, known: tuple[Evidence, ...]
) -> Prompt:
    if kind == Kind.CAPTION:
        return Prompt(text=CAPTION_PROMPT, images=(picture,), to=kind)
    if kind == Kind.OCR:
        return Prompt(text=OCR_PROMPT, images=(picture,), to=kind)
    small = sent(picture)
    size = {"width": small.width, "height": small.height, "question": question}
    if kind == Kind.DETECTION:
        return Prompt(text=_DETECTION_PROMPT.format(**size), images=(small,), to=kind)
    boxed = [found for found in known if found.kind == Kind.DETECTION and found.picture == number and found.image]
    detected = "".join(f"Boxes of these objects are drawn: {found.text}\n" for found in boxed)
    shown = tuple(sent(found.image) for found in boxed if found.image) or (small,)
    focus = f"{wants.focus}\n" if wants.focus else ""
    return Prompt(text=_ZOOM_PROMPT.format(**size, focus=focus, detected=detected), images=shown, to=kind)


def _evidence(kind: Kind, picture: Image.Image, number: int, completion: Completion) -> Evidence:
    said = without_thinking(completion.text)
    status = completion.status
    if status == Status.OK and not said:
        status = Status.MALFORMED
    if status != Status.OK:
        return Evidence(kind=kind, picture=number, text="", status=status)
    if kind == Kind.DETECTION:
        return _detection(picture, number, said)
    if kind == Kind.ZOOM:
        return _zoom(picture, number, said)
    if kind == Kind.OCR and said.strip(" .\"'`").lower() == NOTHING:
        return Evidence(kind=kind, picture=number, text="there is none.")
    return Evidence(kind=kind, picture=number, text=said)


def _detection(picture: Image.Image, number: int, said: str) -> Evidence:
    boxes = boxes_in(said, picture)
    if boxes is None:
        return Evidence(kind=Kind.DETECTION, picture=number, text="", status=Status.MALFORMED)
    if not boxes:
        return Evidence(kind=Kind.DETECTION, picture=number, text="none that the question may be about.")
    listed = [
        f"{i}. {found.label or 'object'} "
        f"[{found.box.left:.0f}, {found.box.top:.0f}, {found.box.right:.0f}, {found.box.bottom:.0f}]"
        for i, found in enumerate(boxes, 1)
    ]
    return Evidence(
        kind=Kind.DETECTION,
        picture=number,
        text="; ".join(listed),
        image=with_boxes(picture, boxes),
        image_caption=f"picture {number} with boxes around the objects detected",
    )


def _zoom(picture: Image.Image, number: int, said: str) -> Evidence:
    boxes = boxes_in(said, picture)
    if boxes is None:
        return Evidence(kind=Kind.ZOOM, picture=number, text="", status=Status.MALFORMED)
    if not boxes:
        return Evidence(kind=Kind.ZOOM, picture=number, text="no part of it is worth a closer look.")
    box = boxes[0].box
    return Evidence(
        kind=Kind.ZOOM,
        picture=number,
        text=f"pixels {box.left:.0f} to {box.right:.0f} across and {box.top:.0f} to {box.bottom:.0f} down.",
        image=close_up(picture, box),
        image_caption=f"a close-up of picture {number}",
    )
