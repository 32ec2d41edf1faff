"""What services found out about a task's pictures, and how a prompt shows it. Fetching it is gathering.py's job."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image

from maestro_env.types import Status

MAX_CHARS = 8000
"""A service's words are shown up to here: some read the same line out for ever."""


class Kind(StrEnum):
    """What can be found out about a picture; each is the name of the service that is asked for it."""

    CAPTION = "caption"
    OCR = "ocr"
    DETECTION = "detection"
    ZOOM = "zoom"


_WHAT = {
    Kind.CAPTION: "Description",
    Kind.OCR: "Text read",
    Kind.DETECTION: "Objects detected",
    Kind.ZOOM: "Close-up",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evidence:
    """What one service found out about one picture, or that it failed to."""

    kind: Kind
    picture: int
    """Number of the picture, from 1."""
    text: str
    """What was found out; empty only if it failed."""
    status: Status = Status.OK
    """Anything but OK: the evidence is missing, and prompts say so."""
    image: Image.Image | None = None
    """A picture of it: boxes drawn, or a close-up."""
    image_caption: str = ""
    """What that picture shows, as a prompt should call it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Gathered:
    """A task's pictures and all evidence about them: whatever was fetched is shown."""

    pictures: tuple[Image.Image, ...]
    """As the context shows them."""
    evidence: tuple[Evidence, ...]

    @property
    def images(self) -> tuple[Image.Image, ...]:
        """What a prompt shows: the pictures, then those of the evidence."""
        return (*self.pictures, *(found.image for found in self.evidence if found.image is not None))

    @property
    def words(self) -> str:
        """What a prompt says: which picture is which, and the evidence in words."""
        lines = _legend(self.pictures, self.evidence)
        lines += [_in_words(found) for found in self.evidence]
        return "\n".join(lines)


def _legend(pictures: Sequence[Image.Image], evidence: Sequence[Evidence]) -> list[str]:
    captions = [found.image_caption for found in evidence if found.image is not None]
    if not captions:
        return []
    given = "Picture 1 is" if len(pictures) == 1 else f"Pictures 1 to {len(pictures)} are"
    return [f"{given} as given.", *(f"Picture {len(pictures) + i} shows {what}." for i, what in enumerate(captions, 1))]


def _in_words(found: Evidence) -> str:
    head = f"{_WHAT[found.kind]} (picture {found.picture})"
    if found.status != Status.OK:
        return f"{head}: missing, because the service failed ({found.status}); do without it."
    cut = " [cut here]" if len(found.text) > MAX_CHARS else ""
    return f"{head}: {found.text[:MAX_CHARS]}{cut}"
