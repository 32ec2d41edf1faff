"""The body of a request for a completion, and what it is known by in a cache."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from maestro_env.backends.endpoints.pictures import EncodedPicture
from maestro_env.connections import Endpoint, Sampling
from maestro_env.skills.prompted.base import Prompt
from maestro_env.types import Model


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedPrompt:
    """A prompt ready to be sent."""

    endpoint: Endpoint
    model: Model
    """Whose prices hold."""
    body: bytes
    """JSON of the request."""


def served_name(model: Model) -> str:
    """Return what a model's endpoint calls it."""
    return model.served_name or model.name


def request_body(
    prompt: Prompt,
    model: Model,
    sampling: Sampling,
    pictures: Sequence[EncodedPicture],
    *,
    stream: bool,
    fixed_sampling: bool = False,
) -> bytes:
    """Return the JSON of a chat-completions request; pictures are put in as they are, not escaped once more."""
    max_tokens = sampling.max_tokens if prompt.max_tokens is None else prompt.max_tokens
    settings: dict[str, object] = {"model": served_name(model)}
    if fixed_sampling:
        settings["max_completion_tokens"] = max_tokens
    else:
        settings |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "max_tokens": max_tokens}
        if sampling.seed is not None:
            settings["seed"] = sampling.seed
    if stream:
        settings |= {"stream": True, "stream_options": {"include_usage": True}}
    head = json.dumps(settings)[:-1].encode()
    system = json.dumps({"role": "system", "content": prompt.system}).encode() + b"," if prompt.system else b""
    text = json.dumps(prompt.text).encode()
    if not pictures:
        return b"".join((head, b',"messages":[', system, b'{"role":"user","content":', text, b"}]}"))
    parts = [b'{"type":"image_url","image_url":{"url":"' + picture.data_url + b'"}}' for picture in pictures]
    parts.append(b'{"type":"text","text":' + text + b"}")
    content = b",".join(parts)
    return b"".join((head, b',"messages":[', system, b'{"role":"user","content":[', content, b"]}]}"))


def request_key(prompt: Prompt, model: Model, sampling: Sampling, pictures: Sequence[EncodedPicture]) -> str:
    """Return what a completion depends on, as a hash: the model, the prompt, its pictures and the sampling.

    Prices are in it, because what is kept under the key has a cost. Where the model is served is not.
    """
    document = {
        "model": [model.name, served_name(model)],
        "prices": [model.usd_per_million_prompt_tokens, model.usd_per_million_completion_tokens],
        "system": prompt.system,
        "text": prompt.text,
        "pictures": [picture.sha256 for picture in pictures],
        "sampling": asdict(sampling),
        "max_tokens": prompt.max_tokens,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
