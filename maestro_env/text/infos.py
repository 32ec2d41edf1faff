"""What the text environment adds to an info of the environment that it stands on."""

from typing import Any

from maestro_env.text.episode import Episode
from maestro_env.text.grammar import Fault, Move, Search
from maestro_env.text.moment import Moment


def with_text(info: dict[str, Any], episode: Episode, here: Moment, move: Move | None = None) -> dict[str, Any]:
    """Return an info with what the text adds to it; the keys are always the same.

    Args:
        info: Of `MaestroEnv`.
        episode: As it is after the move.
        here: What the base shows then.
        move: What the policy's turn was read as; None after a reset.
    """
    return {
        **info,
        "invalid_action": isinstance(move, Fault),
        "move": "" if move is None else type(move).__name__.lower(),
        "query": move.query if isinstance(move, Search) else "",
        "fault": move.kind.value if isinstance(move, Fault) else "",
        "faults": {kind.value: count for kind, count in episode.faults.items()},
        "num_format_faults": episode.num_format_faults,
        "calls_left": episode.calls_left,
        "num_calls": episode.num_calls,
        "num_failures": episode.num_failures,
        "outcome_reward": 0.0,
        "format_reward": 0.0,
        "view": here.view,
    }
