from maestro_env.text.episode import Episode
from maestro_env.text.grammar import FaultKind
from maestro_env.text.transcript import Role, Turn


def test_episode__counts_and_changes_nothing() -> None:
    start = Episode(turns=(), calls_left=2)
    called = start.with_call(failed=False).with_call(failed=True)
    assert (called.calls_left, called.num_calls, called.num_failures) == (0, 2, 1)
    faulty = called.with_fault(FaultKind.NO_ACTION).with_fault(FaultKind.MASKED_EXPERT).with_fault(FaultKind.NO_ACTION)
    assert faulty.calls_left == 0
    assert {kind: count for kind, count in faulty.faults.items() if count} == {
        FaultKind.NO_ACTION: 2,
        FaultKind.MASKED_EXPERT: 1,
    }
    assert faulty.num_format_faults == 2
    said = faulty.with_turns(Turn(role=Role.ASSISTANT, text="a"), ended=True)
    assert (said.turns[-1].text, said.ended) == ("a", True)
    assert start == Episode(turns=(), calls_left=2)
    assert set(start.faults) == set(FaultKind)
