"""Many streams of random integers: each is what its generator gives one by one."""

import numpy as np
import pytest
from gymnasium import error
from gymnasium.utils import seeding

from maestro_env.streams import BLOCK, Streams


def test_streams__are_those_of_single_generators() -> None:
    streams = Streams(3, high=1000)
    for stream in range(3):
        streams.seed(stream, 7 + stream)
    expected = [seeding.np_random(7 + stream)[0] for stream in range(3)]
    rng = np.random.default_rng(0)
    for _ in range(3 * BLOCK):  # past the end of a block, and each at a pace of its own
        drawn = np.flatnonzero(rng.random(3) < 0.7)
        assert streams.draw(drawn).tolist() == [int(expected[stream].integers(1000)) for stream in drawn]


def test_streams__a_seed_starts_anew_and_none_goes_on() -> None:
    streams = Streams(1, high=10**6)
    only = np.array([0])
    streams.seed(0, 3)
    first = [int(streams.draw(only)[0]) for _ in range(3)]
    streams.seed(0, None)
    fourth = int(streams.draw(only)[0])
    streams.seed(0, 3)
    assert [int(streams.draw(only)[0]) for _ in range(4)] == [*first, fourth]


def test_streams__unseeded_ones_differ() -> None:
    streams = Streams(2, high=2**40)
    one, other = streams.draw(np.array([0, 1])).tolist()
    assert one != other


def test_streams__a_negative_seed_is_refused() -> None:
    with pytest.raises(error.Error, match="Seed must be"):
        Streams(1, high=2).seed(0, -1)
