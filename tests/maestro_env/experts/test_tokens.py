"""Questions as hashed words and word pairs."""

import numpy as np

from maestro_env.experts.tokens import MAX_TOKENS, NUM_BUCKETS, tokenise
from maestro_env.tasks.procedural.generate import BENCHMARKS, make_task


def test_tokenise__words_then_pairs_then_padding() -> None:
    # Two words and one pair.
    tokens = tokenise("Where is?")
    assert np.count_nonzero(tokens) == 3
    assert tokens[3:].sum() == 0


def test_tokenise__case_and_punctuation_do_not_matter() -> None:
    np.testing.assert_array_equal(tokenise("How many, then?"), tokenise("how many then"))


def test_tokenise__word_order_matters() -> None:
    assert not np.array_equal(np.sort(tokenise("red over blue")), np.sort(tokenise("blue over red")))


def test_tokenise__stays_within_its_buckets_and_length() -> None:
    tokens = tokenise(" ".join(f"word{i}" for i in range(50)))
    assert tokens.shape == (MAX_TOKENS,)
    assert tokens.min() >= 1
    assert tokens.max() < NUM_BUCKETS


def test_tokenise__no_question_of_the_world_is_cut() -> None:
    for benchmark in BENCHMARKS:
        for index in range(40):
            assert tokenise(make_task(benchmark, "val", index).question)[-1] == 0
