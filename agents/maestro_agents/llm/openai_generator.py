"""The backend `openai`: a model on any server with OpenAI's HTTP interface, vLLM's above all.

Token in, token out is the rule: what is sent are the tokens of the episode, and what is kept are the tokens that the
server says it sampled, with its log-probabilities. vLLM does that. For other servers there are exchanges of text, whose
tokens are a second encoding of what was written: near enough to count and to show, wrong to train on. Their
log-probabilities are therefore NaN, which training refuses.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import nan
from typing import Any, final

import numpy as np

from maestro_agents.llm.generation import Finish, Request, Sampling, Tokeniser, Written, check_room
from maestro_agents.llm.server import Answer, Server, as_list, as_object, shortened
from maestro_env.errors import ConfigurationError, ServerError, unknown_name

_SEEDS = 2**31
"""Servers take seeds below it."""


class Exchange(StrEnum):
    """What goes over the wire."""

    TOKENS = "tokens"
    """Token ids both ways, by `/completions`; needs `return_token_ids`, as vLLM has it."""
    TEXT = "text"
    """Text both ways, by `/completions`. For evaluation only."""
    CHAT = "chat"
    """All that was said as one user's message, by `/chat/completions`. For evaluation only."""


@final
class OpenAIGenerator:
    """A model on a server."""

    def __init__(
        self,
        server: Server,
        *,
        model: str,
        tokeniser: Tokeniser,
        context_length: int,
        exchange: Exchange = Exchange.TOKENS,
    ) -> None:
        """Keep the connection.

        Args:
            server: Where the model runs; whoever opened it closes it.
            model: As the server calls it.
            tokeniser: The model's. Where text is exchanged, any will do: it only counts.
            context_length: What the server was started with.
            exchange: What goes over the wire.
        """
        self._server = server
        self._model = model
        self._exchange = Exchange(exchange)
        self.tokeniser = tokeniser
        self.context_length = context_length

    def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        """Return one turn for each request; all are under way at once, as far as the server's concurrency allows.

        Raises:
            ConfigurationError: A request leaves no room for a token.
            ServerError: The server is lost, hangs, refuses, or gives no token ids though tokens are exchanged.
        """
        check_room(requests, self.context_length)
        path = "chat/completions" if self._exchange is Exchange.CHAT else "completions"
        bodies = [self._body(request, sampling) for request in requests]
        return [self._written(answer, sampling) for answer in self._server.post(path, bodies)]

    def _body(self, request: Request, sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": min(sampling.max_new_tokens, self.context_length - len(request.token_ids)),
            "temperature": sampling.temperature,
            "top_p": 1.0,
            "stop": list(sampling.stop),
            "seed": int(np.random.default_rng(request.seed).integers(_SEEDS)),
        }
        if self._exchange is Exchange.TOKENS:
            return body | {
                "prompt": list(request.token_ids),
                "logprobs": 0,
                "return_token_ids": True,
                "include_stop_str_in_output": True,
                "skip_special_tokens": False,  # a tag that is a control token could not stop a turn otherwise
                # What is left out, vLLM takes from the model's folder; these draw from the model as it is.
                "top_k": -1,
                "min_p": 0.0,
                "repetition_penalty": 1.0,
            }
        words = self.tokeniser.decode(request.token_ids)
        if self._exchange is Exchange.TEXT:
            return body | {"prompt": words}
        return body | {"messages": [{"role": "user", "content": words}]}

    def _written(self, answer: Answer, sampling: Sampling) -> Written:
        choice = as_object(next(iter(as_list(answer.get("choices"))), None))
        if not choice:
            raise ServerError(f"{self._server.base_url} answered {shortened(answer)}; expected one of `choices`.")
        if self._exchange is Exchange.TOKENS:
            return self._sampled(choice)
        words = (
            choice.get("text") if self._exchange is Exchange.TEXT else as_object(choice.get("message")).get("content")
        )
        if not isinstance(words, str):
            raise ServerError(f"{self._server.base_url} answered {shortened(choice)}; expected text in the choice.")
        return self._encoded(words, choice, sampling)

    def _sampled(self, choice: Answer) -> Written:
        """Return a turn as it was sampled."""
        token_ids = as_list(choice.get("token_ids"))
        logprobs = as_list(as_object(choice.get("logprobs")).get("token_logprobs"))
        numbers = all(isinstance(each, int | float) for each in (*token_ids, *logprobs))
        if not token_ids or not numbers or len(token_ids) != len(logprobs):
            raise ServerError(
                f"{self._server.base_url} gave no token ids, or none that go with its log-probabilities. Expected "
                "`token_ids` and `logprobs` in every choice, as vLLM gives them with return_token_ids. Where no "
                "training is meant, exchange text with it instead (exchange='text', or 'chat')."
            )
        sampled = tuple(map(int, token_ids))
        ended = sampled[-1:] == (self.tokeniser.end_id,)
        cut = choice.get("finish_reason") == "length"
        return Written(
            token_ids=sampled,
            logprobs=tuple(map(float, logprobs)),
            finish=Finish.LENGTH if cut else Finish.END if ended else Finish.STOP,
        )

    def _encoded(self, words: str, choice: Answer, sampling: Sampling) -> Written:
        """Return a turn from its text."""
        cut = choice.get("finish_reason") == "length"
        if "stop_reason" in choice:  # vLLM's: the stop string, if it was one
            stop = choice["stop_reason"] if isinstance(choice["stop_reason"], str) else ""
        else:
            stop = "" if cut else _cut_off(words, sampling.stop)
        token_ids = self.tokeniser.encode(words if words.endswith(stop) else words + stop)
        return Written(
            token_ids=tuple(token_ids),
            logprobs=(nan,) * len(token_ids),
            finish=Finish.LENGTH if cut else Finish.STOP if stop else Finish.END,
        )


def _cut_off(words: str, stops: Sequence[str]) -> str:
    """Return the stop string that a server which does not say so has cut off: what closes the tag that is still open.

    A model that ended its turn itself, with a tag open, is taken for one that closed it.
    """
    opened = {stop: words.rfind(stop.replace("</", "<", 1)) for stop in stops if stop not in words}
    latest = max(opened, key=lambda stop: opened[stop], default="")
    return latest if opened.get(latest, -1) >= 0 else ""


def served_model(server: Server, name: str = "") -> Answer:
    """Return what a server says about one of its models: `id`, and from vLLM `max_model_len`.

    Args:
        server: Is asked for its list.
        name: As the server calls it; empty takes the only one.

    Raises:
        ConfigurationError: It serves several, or none, and none is named.
        UnknownNameError: No such model.
        ServerError: The server gives no list.
    """
    listed = map(as_object, as_list(server.get("models").get("data")))
    models = {str(each.get("id")): each for each in listed}
    if name:
        if name not in models:
            raise unknown_name(f"model of {server.base_url}", name, models)
        return models[name]
    if len(models) != 1:
        raise ConfigurationError(f"{server.base_url} serves {sorted(models)}; say which one is meant (--model).")
    return next(iter(models.values()))
