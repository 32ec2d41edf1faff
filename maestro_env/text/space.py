"""The space of texts: any Unicode up to a length, sampled from a few characters."""

from typing import Any

from gymnasium import spaces

SAMPLED = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!@/<>_-\n"
"""What `sample` draws from, each once: Gymnasium 1.2 counts letters in one way and draws them in another."""


class UnicodeText(spaces.Text):
    """`Text` that holds every text of at most `max_length` characters that can be encoded, the empty one included.

    Gymnasium's own holds only what is made of its character set, which would have to list all of Unicode. Here the
    set is only what is sampled from, so flattening works for sampled texts only.
    """

    def __init__(self, max_length: int) -> None:
        super().__init__(max_length, min_length=0, charset=SAMPLED)

    def contains(self, x: Any) -> bool:
        if not isinstance(x, str) or len(x) > self.max_length:
            return False
        try:
            x.encode()
        except UnicodeEncodeError:  # half of a pair of surrogates is no character
            return False
        return True

    def __repr__(self) -> str:
        return f"UnicodeText({self.max_length})"
