"""Services that run in this process instead of behind an endpoint: a `[[service]]` names them by its `network`.

Each takes pictures and returns text, as an endpoint's completion would have it; its library is imported when it is
first asked.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, Protocol, cast

import numpy as np
from PIL import Image

from maestro_env.errors import MissingExtraError, unknown_name
from maestro_env.skills.prompted.gathering import NOTHING

MIN_SURENESS = 0.5
"""Lines that are read with less certainty are left out: they are mostly texture that looks like letters."""


class _Engine(Protocol):
    def __call__(self, picture: Any, /, *, use_cls: bool) -> tuple[Any, Any]: ...


@lru_cache(maxsize=1)
def _ocr_engine() -> tuple[_Engine, Lock]:
    try:
        from rapidocr_onnxruntime import (  # pyright: ignore[reportMissingImports]
            RapidOCR,  # pyright: ignore[reportUnknownVariableType]
        )
    except ImportError as error:
        raise MissingExtraError(
            f"Reading text in this process needs rapidocr-onnxruntime ({error}): pip install 'maestro-env[ocr]', "
            "under Python 3.12 at most."
        ) from error
    # One at a time: the engine keeps state while it reads.
    return cast("_Engine", RapidOCR()), Lock()


def read_text(pictures: Sequence[Image.Image]) -> str:
    """Return the text in pictures, line by line from the top; `none` if there is none.

    Raises:
        MissingExtraError: rapidocr-onnxruntime is not installed.
    """
    engine, one_at_a_time = _ocr_engine()
    lines: list[str] = []
    for picture in pictures:
        pixels = np.asarray(picture.convert("RGB"))[:, :, ::-1]  # blue, green, red: as the engine takes it
        with one_at_a_time:
            # Lines are taken for upright: the engine's test for upside-down ones turns short words over.
            found, _ = engine(np.ascontiguousarray(pixels), use_cls=False)
        lines += [str(text) for _, text, sureness in found or () if float(sureness) >= MIN_SURENESS]
    return "\n".join(lines) or NOTHING


LOCAL_SERVICES: Mapping[str, Callable[[Sequence[Image.Image]], str]] = {"rapidocr": read_text}
"""By the `network` of a `[[service]]`."""


def local_service(network: str) -> Callable[[Sequence[Image.Image]], str]:
    """Return a service that runs in this process.

    Raises:
        UnknownNameError: No such service; the message names the nearest ones.
    """
    if network not in LOCAL_SERVICES:
        raise unknown_name("local service", network, LOCAL_SERVICES)
    return LOCAL_SERVICES[network]
