"""Gates: when they pass, and what is written of them."""

import json

import pytest

from benchmarks.bootstrap import Interval
from benchmarks.world_gates.gate import Condition, Gate, gate_document, in_words, not_measured
from benchmarks.world_gates.page import gate_table


def figure(mean: float, low: float, high: float) -> Interval:
    return Interval(mean=mean, low=low, high=high)


def gate(*conditions: Condition) -> Gate:
    return Gate(gate="4", title="Title", conditions=conditions, note="Why.")


@pytest.mark.parametrize(
    ("mean", "at_least", "at_most", "passes"),
    [
        (0.4, 0.3, 0.5, True),
        (0.2, 0.3, 0.5, False),
        (0.6, 0.3, 0.5, False),
        (0.3, 0.3, None, True),
        (0.1, None, 0.0, False),
    ],
)
def test_condition__passes_by_its_figure(
    mean: float, at_least: float | None, at_most: float | None, passes: bool
) -> None:
    condition = Condition(name="c", figure=figure(mean, 0.0, 1.0), at_least=at_least, at_most=at_most)
    assert condition.passed is passes


def test_condition__says_when_the_interval_straddles() -> None:
    sure = Condition(name="gain", figure=figure(0.06, 0.05, 0.07), at_least=0.04)
    unsure = Condition(name="gain", figure=figure(0.06, 0.03, 0.09), at_least=0.04)
    sure_failure = Condition(name="gain", figure=figure(0.01, 0.0, 0.03), at_least=0.04)
    assert in_words(sure) == "gain: 6.0 [5.0, 7.0], at least 4: holds."
    assert in_words(unsure) == "gain: 6.0 [3.0, 9.0], at least 4: holds, the interval straddles the threshold."
    assert in_words(sure_failure) == "gain: 1.0 [0.0, 3.0], at least 4: fails."


def test_gate_document__holds_the_first_condition_that_fails() -> None:
    good = Condition(name="good", figure=figure(0.5, 0.4, 0.6), at_least=0.3)
    bad = Condition(name="bad", figure=figure(0.2, 0.1, 0.25), at_least=0.3)
    document = gate_document(gate(good, bad))
    assert list(document) == ["gate", "value", "low", "high", "threshold", "passed", "note"]
    assert [document[key] for key in ("value", "low", "high", "threshold", "passed")] == [0.2, 0.1, 0.25, 0.3, False]
    assert "good: 50.0" in document["note"]
    assert document["note"].endswith("Why.")
    assert gate_document(gate(good))["passed"] is True


def test_gate_document__what_was_not_measured_does_not_pass() -> None:
    document = gate_document(not_measured("5", "Title", "no recording."))
    assert document["passed"] is False
    assert document["value"] is None
    assert document["note"] == "Title. Not measured: no recording."
    json.dumps(document, allow_nan=False)


def test_gate_table__marks_failures() -> None:
    bad = Condition(name="bad", figure=figure(0.2, 0.1, 0.25), at_least=0.3)
    lines = gate_table([gate(bad), not_measured("5", "Other", "why")]).splitlines()
    assert lines[2] == "| 4 | Title | 20.0 (bad) | 10.0 to 25.0 | 30 | **fail** |"
    assert lines[3].endswith("| not measured |")
