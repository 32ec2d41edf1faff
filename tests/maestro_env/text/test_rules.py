from dataclasses import replace
from typing import Any

import pytest

from maestro_env.errors import ConfigurationError, UnknownNameError
from maestro_env.text.rules import TextRules


@pytest.mark.parametrize(
    ("name", "given", "nearest"),
    [
        ("prompt", "compat", "compact"),
        ("answer_source", "polcy", "policy"),
        ("on_fault", "contine", "continue"),
        ("on_failure", "truncated", "truncate"),
    ],
)
def test_rules__an_unknown_choice_names_the_nearest(rules: TextRules, name: str, given: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"Unknown {name} '{given}'\. Did you mean '{nearest}'"):
        replace(rules, **{name: given})


@pytest.mark.parametrize("name", ["max_turns", "max_prompt_chars", "max_generation_chars", "max_reply_chars"])
@pytest.mark.parametrize("value", [0, -1, 2.0, None])
def test_rules__a_count_is_at_least_1(rules: TextRules, name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name}={value} must be an integer of at least 1"):
        replace(rules, **{name: value})


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_rules__a_penalty_is_taken_off(rules: TextRules, value: float) -> None:
    with pytest.raises(ConfigurationError, match=r"format_penalty=.* at least 0; it is taken off"):
        replace(rules, format_penalty=value)
