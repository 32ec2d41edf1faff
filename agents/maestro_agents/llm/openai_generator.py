"""The backend `openai`: any server with `/v1/completions` that takes token ids and gives token ids back, such as vLLM.

Token in, token out: what is sent are the tokens of the episode, and what is kept are the tokens that the server says it
sampled, with its log-probabilities. A server that only gives text is refused rather than its text encoded again, for
then the policy would be credited with tokens that it never wrote. Training is not done here; this is for evaluation.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from maestro_agents.llm.generation import Finish, Request, Sampling, Tokeniser, Written, check_room
from maestro_env.errors import ConfigurationError

_SEEDS = 2**31
"""Servers take seeds below it."""


@final
class OpenAIGenerator:
    """A model on a server."""

    def __init__(
        self, client: Any, *, model: str, tokeniser: Tokeniser, context_length: int, concurrency: int = 64
    ) -> None:
        """Keep the connection.

        Args:
            client: An `openai.AsyncOpenAI`, best made with `http_client=openai.DefaultAioHttpClient()`.
            model: As the server calls it.
            tokeniser: The model's.
            context_length: What the server was started with.
            concurrency: Requests under way at a time.
        """
        self._client = client
        self._model = model
        self._concurrency = concurrency
        self.tokeniser = tokeniser
        self.context_length = context_length

    def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        """Return one turn for each request.

        Raises:
            ConfigurationError: The server does not give token ids, or is asked for more than fits.
        """
        check_room(requests, self.context_length)
        return asyncio.run(self._all(requests, sampling))

    async def _all(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        gate = asyncio.Semaphore(self._concurrency)

        async def one(request: Request) -> Written:
            async with gate:
                return await self._one(request, sampling)

        return list(await asyncio.gather(*map(one, requests)))

    async def _one(self, request: Request, sampling: Sampling) -> Written:
        room = min(sampling.max_new_tokens, self.context_length - len(request.token_ids))
        response = await self._client.completions.create(
            model=self._model,
            prompt=list(request.token_ids),
            max_tokens=room,
            temperature=sampling.temperature,
            stop=list(sampling.stop),
            seed=int(np.random.default_rng(request.seed).integers(_SEEDS)),
            logprobs=0,
            extra_body={"include_stop_str_in_output": True, "return_token_ids": True, "top_k": -1},
        )
        return _written(response.choices[0].model_dump(), end_id=self.tokeniser.end_id)


def _written(choice: Mapping[str, Any], *, end_id: int) -> Written:
    """Return a turn from a server's choice."""
    token_ids: list[int] | None = choice.get("token_ids")
    logprobs: list[float] | None = (choice.get("logprobs") or {}).get("token_logprobs")
    if token_ids is None or logprobs is None or len(token_ids) != len(logprobs):
        raise ConfigurationError(
            "The server gave no token ids, or none that go with its log-probabilities. Expected `token_ids` and "
            "`logprobs` in every choice, as vLLM gives them with return_token_ids; its text cannot be used instead."
        )
    ended = bool(token_ids) and token_ids[-1] == end_id
    cut = choice.get("finish_reason") == "length"
    return Written(
        token_ids=tuple(token_ids),
        logprobs=tuple(map(float, logprobs)),
        finish=Finish.LENGTH if cut else Finish.END if ended else Finish.STOP,
    )
