"""A tokeniser without a vocabulary file: a token for each byte and each protocol tag. For tests and scripts."""

import re
from collections.abc import Sequence
from typing import final

from maestro_env.text.grammar import TAGS

PROTOCOL_TAGS = tuple(f"<{slash}{name}>" for name in TAGS for slash in ("", "/"))
"""The eight tags, opening ones first in each pair."""
END = "<|im_end|>"
"""How the end of a turn is written."""

_NUM_BYTES = 256
_SPECIAL = (*PROTOCOL_TAGS, END)
_SPLIT = re.compile("(" + "|".join(map(re.escape, _SPECIAL)) + ")")


@final
class ByteTokeniser:
    """Bytes are tokens 0 to 255, the tags and the end token those after."""

    @property
    def end_id(self) -> int:
        """The last token."""
        return _NUM_BYTES + _SPECIAL.index(END)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        token_ids: list[int] = []
        for piece in _SPLIT.split(text):
            token_ids += [_NUM_BYTES + _SPECIAL.index(piece)] if piece in _SPECIAL else piece.encode()
        return token_ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of tokens; bytes that are no UTF-8 become replacement characters."""
        written = b"".join(
            bytes([token]) if token < _NUM_BYTES else _SPECIAL[token - _NUM_BYTES].encode() for token in token_ids
        )
        return written.decode(errors="replace")
