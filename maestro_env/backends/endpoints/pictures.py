"""Pictures as requests carry them: JPEG in base64, encoded once, however many experts are shown the same picture."""

import asyncio
import base64
import hashlib
import io
import weakref
from dataclasses import dataclass

from PIL import Image

QUALITY = 95
"""Of the JPEG, without colour subsampling: thin coloured lines and small print stay legible."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedPicture:
    """A picture as a request carries it."""

    data_url: bytes
    """`data:image/jpeg;base64,…`, ASCII."""
    sha256: str
    """Of the JPEG: what a cache knows the picture by."""


def encode_picture(image: Image.Image) -> EncodedPicture:
    """Return a picture encoded; the same pixels always give the same bytes with the same version of Pillow."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=QUALITY, subsampling=0)
    content = file.getvalue()
    return EncodedPicture(
        data_url=b"data:image/jpeg;base64," + base64.b64encode(content), sha256=hashlib.sha256(content).hexdigest()
    )


class PictureEncoder:
    """Encodes pictures in threads, and remembers each for as long as somebody holds the picture.

    A picture is known by its identity, so it must not be drawn on afterwards.
    """

    def __init__(self) -> None:
        self._known: dict[int, asyncio.Task[EncodedPicture]] = {}
        self.num_encoded = 0
        """Pictures encoded so far."""

    async def encode(self, image: Image.Image) -> EncodedPicture:
        """Return a picture encoded; who asks while it is being encoded waits for the same."""
        known = self._known.get(id(image))
        if known is None:
            known = self._known[id(image)] = asyncio.ensure_future(asyncio.to_thread(encode_picture, image))
            self.num_encoded += 1
            weakref.finalize(image, self._known.pop, id(image), None)
        # Shielded: who gives up waiting must not take it from those who still wait.
        return await asyncio.shield(known)
