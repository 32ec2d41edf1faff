"""Functions of pictures that remember what they last gave: many experts look at the same parts of the same picture.

A picture is known by its identity, and kept as long as anything made of it is: so it must not be drawn on afterwards.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Concatenate, ParamSpec, TypeVar

from PIL import Image

_P = ParamSpec("_P")
_R = TypeVar("_R")
KEPT = 512
"""Results kept of each function: a recorder takes 25 tasks together, in three contexts, in a few framings."""


def remembered(function: Callable[Concatenate[Image.Image, _P], _R]) -> Callable[Concatenate[Image.Image, _P], _R]:
    """Return the function that works out the same arguments only once while they are among the last `KEPT`.

    Args:
        function: Pure; its arguments besides the picture must be hashable.
    """
    known: OrderedDict[object, tuple[Image.Image, _R]] = OrderedDict()
    lock = Lock()  # live environments are stepped by many threads

    @wraps(function)
    def remembering(image: Image.Image, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        key = (id(image), args, tuple(sorted(kwargs.items())))
        with lock:
            if key in known:
                known.move_to_end(key)
                return known[key][1]
        result = function(image, *args, **kwargs)
        with lock:
            known[key] = (image, result)
            if len(known) > KEPT:
                known.popitem(last=False)
        return result

    return remembering
