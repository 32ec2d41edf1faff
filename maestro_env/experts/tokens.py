"""How a network reads a question: its words and pairs of neighbouring words, hashed into buckets."""

import itertools
import re
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

NUM_BUCKETS = 512
"""Bucket 0 is padding."""
MAX_TOKENS = 32
"""A question of 16 words fills it; the embedded world's longest has 13."""


@lru_cache(maxsize=4096)
def tokenise(question: str) -> NDArray[np.int64]:
    """Return a question's hashed words and word pairs: read-only [MAX_TOKENS] int64 in [0, NUM_BUCKETS), 0 as padding.

    Remembered, as many experts are asked the same question.
    """
    words = re.findall(r"[a-z0-9]+", question.lower())
    grams = words + [f"{first} {second}" for first, second in itertools.pairwise(words)]
    tokens = np.zeros(MAX_TOKENS, np.int64)
    for i, gram in enumerate(grams[:MAX_TOKENS]):
        tokens[i] = 1 + zlib.crc32(gram.encode()) % (NUM_BUCKETS - 1)
    tokens.setflags(write=False)
    return tokens
