"""A policy that a function writes, with the face of a language model. For tests and demonstrations."""

from collections.abc import Callable, Sequence
from typing import final

from maestro_agents.llm.generation import Finish, Request, Sampling, Tokeniser, Written, check_room


@final
class ScriptedGenerator:
    """Writes what a function returns for what was said so far; each token has probability 1."""

    def __init__(
        self, policy: Callable[[str], str], tokeniser: Tokeniser, *, context_length: int = 32_768, ends: bool = False
    ) -> None:
        """Keep the policy.

        Args:
            policy: Is given all that was said so far, and returns the turn.
            tokeniser: Turns it into tokens.
            context_length: In tokens.
            ends: Whether every turn is closed with the end token.
        """
        self._policy = policy
        self._ends = ends
        self.tokeniser = tokeniser
        self.context_length = context_length

    def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        """Return one turn for each request; only the length of `sampling` plays a part."""
        check_room(requests, self.context_length)
        return [self._one(request, sampling) for request in requests]

    def _one(self, request: Request, sampling: Sampling) -> Written:
        token_ids = self.tokeniser.encode(self._policy(self.tokeniser.decode(request.token_ids)))
        if self._ends:
            token_ids.append(self.tokeniser.end_id)
        room = min(sampling.max_new_tokens, self.context_length - len(request.token_ids))
        finish = Finish.LENGTH if len(token_ids) > room else Finish.END if self._ends else Finish.STOP
        kept = tuple(token_ids[:room])
        return Written(token_ids=kept, logprobs=(0.0,) * len(kept), finish=finish)
