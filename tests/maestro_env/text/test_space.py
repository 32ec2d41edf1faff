import pickle

import pytest

from maestro_env.text.grammar import Fault, parse
from maestro_env.text.space import UnicodeText


def test_space__holds_any_text_up_to_its_length() -> None:
    space = UnicodeText(5)
    assert all(text in space for text in ("", "abc", "Ünïcö", "日本語", "\n\t\0", "\N{GRINNING FACE}" * 5))
    assert all(thing not in space for thing in ("abcdef", 5, None, b"abc", "\ud800"))


def test_space__samples_differ_and_are_in_it() -> None:
    space = UnicodeText(50)
    space.seed(0)
    sampled = [space.sample() for _ in range(50)]
    assert all(text in space for text in sampled)
    assert len(set(sampled)) > 45
    space.seed(0)
    assert [space.sample() for _ in range(50)] == sampled


def test_space__a_sample_is_a_fault() -> None:
    space = UnicodeText(32_768)
    space.seed(0)
    assert all(isinstance(parse(space.sample()), Fault) for _ in range(20))


def test_space__equality_repr_and_pickle() -> None:
    assert UnicodeText(5) == UnicodeText(5)
    assert UnicodeText(5) != UnicodeText(6)
    assert repr(UnicodeText(5)) == "UnicodeText(5)"
    assert pickle.loads(pickle.dumps(UnicodeText(5))) == UnicodeText(5)


@pytest.mark.parametrize("max_length", [1, 100_000])
def test_space__batches_as_a_tuple_of_texts(max_length: int) -> None:
    from gymnasium.vector.utils import batch_space

    assert ("a", "ü") in batch_space(UnicodeText(max_length), 2)
