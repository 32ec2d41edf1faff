"""The backend `transformers`: any causal language model in this process, many turns side by side with a KV cache.

Of a model that can see, the pictures go in with the prompt; after that the cache holds all there is to know of them.

It samples by itself instead of calling `generate`: draws come from each request's own generator, so that a turn
does not depend on what else is in the batch, and the log-probability is the one that the token was drawn with.

Axes: B requests, T tokens, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from maestro_agents.llm.generation import Finish, Request, Sampling, Written, check_room
from maestro_agents.llm.pictures import PictureProcessor, places
from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser
from maestro_env.errors import MissingExtraError

try:
    import torch
    from transformers import DynamicCache
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.transformers_generator needs {error.name}, which is not installed: "
        "pip install 'maestro-env[llm]'"
    ) from error


@final
class TransformersGenerator:
    """A model in this process; its weights may be trained between calls."""

    def __init__(self, pretrained: Pretrained) -> None:
        """Keep the model."""
        self.model: Any = pretrained.model
        self.tokeniser: PretrainedTokeniser = pretrained.tokeniser
        self._pictures = pretrained.pictures
        config = self.model.config.get_text_config()
        self.context_length = int(config.max_position_embeddings)

    def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        """Return one turn for each request."""
        check_room(requests, self.context_length)
        if not requests:
            return []
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                batch = _Batch(self.model, self.tokeniser, requests, sampling, self.context_length, self._pictures)
                return batch.run()
        finally:
            self.model.train(was_training)


class _Batch:
    """Turns being written side by side; those that have ended are taken out of the batch."""

    def __init__(
        self,
        model: Any,
        tokeniser: PretrainedTokeniser,
        requests: Sequence[Request],
        sampling: Sampling,
        context_length: int,
        pictures: PictureProcessor | None,
    ) -> None:
        self._model = model
        self._pictures = pictures
        self._tokeniser = tokeniser
        self._sampling = sampling
        self._requests = requests
        self._draws_BT = np.stack(
            [np.random.default_rng(request.seed).random(sampling.max_new_tokens) for request in requests]
        )
        self._room_B = [min(sampling.max_new_tokens, context_length - len(request.token_ids)) for request in requests]
        # A stop string of n bytes lies within the last n tokens.
        self._tail = max((len(stop.encode()) for stop in sampling.stop), default=0)
        self._token_ids: list[list[int]] = [[] for _ in requests]
        self._logprobs: list[list[float]] = [[] for _ in requests]
        self._finish = [Finish.LENGTH for _ in requests]

    def run(self) -> list[Written]:
        """Write all turns to their end."""
        device = self._model.device
        lengths = [len(request.token_ids) for request in self._requests]
        width = max(lengths)
        pad = self._tokeniser.pad_id
        # Padding stands on the left, so that all rows end at the same place.
        rows = [[pad] * (width - len(request.token_ids)) + [*request.token_ids] for request in self._requests]
        inputs = torch.tensor(rows, device=device)
        mask = torch.tensor([[0] * (width - n) + [1] * n for n in lengths], device=device)
        cache = DynamicCache()
        alive: list[int] = list(range(len(rows)))
        shown: dict[str, torch.Tensor] = {}
        if self._pictures is not None:
            shown = self._pictures.inputs(inputs, [request.views for request in self._requests])
        position = (mask.cumsum(dim=1) - 1).clamp(min=0)
        behind: torch.Tensor | None = None
        if shown:
            position, behind = places(self._model, inputs, mask, shown)
        while alive:
            step = self._model(
                input_ids=inputs,
                attention_mask=mask,
                position_ids=position,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
                **shown,
            )
            shown = {}
            tokens = self._draw(step.logits[:, -1], alive)
            kept = [place for place, row in enumerate(alive) if not self._ended(row)]
            if len(kept) < len(alive):
                chosen = torch.tensor(kept, dtype=torch.long, device=device)
                if kept:
                    cache.batch_select_indices(chosen)
                mask, tokens = mask[chosen], tokens[chosen]
                behind = None if behind is None else behind[chosen]
                alive = [alive[place] for place in kept]
            position = mask.sum(dim=1, keepdim=True)
            if behind is not None:
                position = (position + behind).expand(3, -1, -1)
            mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
            inputs = tokens[:, None]
        return [
            Written(token_ids=tuple(token_ids), logprobs=tuple(logprobs), finish=finish)
            for token_ids, logprobs, finish in zip(self._token_ids, self._logprobs, self._finish, strict=True)
        ]

    def _draw(self, logits_BV: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """Draw a token for each row, and note it with its log-probability."""
        temperature = self._sampling.temperature
        logprobs_BV = torch.log_softmax(logits_BV.float() / (temperature or 1.0), dim=-1)
        if temperature == 0:
            tokens = logprobs_BV.argmax(dim=-1)
        else:
            # float32 sums of 150,000 probabilities would not reach 1.
            summed_BV = logprobs_BV.double().exp().cumsum(dim=-1)
            drawn: NDArray[np.float64] = np.array([self._draws_BT[row, len(self._token_ids[row])] for row in rows])
            wanted = torch.from_numpy(drawn).to(summed_BV.device)[:, None] * summed_BV[:, -1:]
            tokens = torch.searchsorted(summed_BV, wanted, right=True)[:, 0].clamp(max=logits_BV.shape[1] - 1)
        chosen = logprobs_BV.gather(1, tokens[:, None])[:, 0]
        token_ids: list[int] = tokens.numpy(force=True).tolist()
        logprobs: list[float] = chosen.numpy(force=True).tolist()
        for row, token, logprob in zip(rows, token_ids, logprobs, strict=True):
            self._token_ids[row].append(token)
            self._logprobs[row].append(logprob)
        return tokens

    def _ended(self, row: int) -> bool:
        """Note whether a turn has ended, and why."""
        token_ids = self._token_ids[row]
        if token_ids[-1] == self._tokeniser.end_id:
            self._finish[row] = Finish.END
        elif any(stop in self._tokeniser.decode(token_ids[-self._tail :]) for stop in self._sampling.stop):
            self._finish[row] = Finish.STOP
        else:
            return len(token_ids) >= self._room_B[row]
        return True
