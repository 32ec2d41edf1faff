"""Pictures by reference: drawn by the embedded world, or read from a file."""

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from maestro_env.errors import TaskError

PROCEDURAL = "procedural:"
"""Prefix of references to drawn pictures: `procedural:chart/train/000017`."""


def load_image(reference: str) -> Image.Image:
    """Return the RGB picture that a task's reference names.

    Args:
        reference: `procedural:<benchmark>/<split>/<index>`, or the path of a picture file.

    Raises:
        TaskError: A malformed reference, or a file that is missing or no picture.
    """
    if reference.startswith(PROCEDURAL):
        # Imported here: the families are only needed where a picture is really drawn.
        from maestro_env.tasks.procedural.generate import render

        parts = reference.removeprefix(PROCEDURAL).split("/")
        if len(parts) != 3 or not parts[2].isdecimal():
            raise TaskError(
                f"Image reference {reference!r} is malformed; expected 'procedural:<benchmark>/<split>/<index>'."
            )
        return render(parts[0], parts[1], int(parts[2])).image
    try:
        with Image.open(Path(reference)) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise TaskError(
            f"Image {reference!r} cannot be read ({error}); expected the path of a picture file."
        ) from error
