"""Language models and their tokenisers from a folder or by id, checked before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from maestro_agents.llm.byte_tokeniser import PROTOCOL_TAGS
from maestro_agents.llm.layout import Layout, chat_layout
from maestro_env.errors import ConfigurationError, unknown_name

LAYOUTS = ("chat", "plain")


@final
class PretrainedTokeniser:
    """A tokeniser of `transformers` that neither adds tokens nor leaves any out."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Check that protocol text survives it.

        Raises:
            ConfigurationError: It has no end token, or a tag does not come back as it was.
        """
        self.inner: Any = tokenizer
        if self.inner.eos_token_id is None:
            raise ConfigurationError(f"The tokeniser {self.inner.name_or_path!r} has no end token; set eos_token.")
        for tag in PROTOCOL_TAGS:
            if self.decode(self.encode(f"a {tag} b")) != f"a {tag} b":
                raise ConfigurationError(
                    f"The tokeniser {self.inner.name_or_path!r} turns {f'a {tag} b'!r} into "
                    f"{self.decode(self.encode(f'a {tag} b'))!r}, so the protocol cannot be written with it."
                )

    @property
    def end_id(self) -> int:
        """The end token."""
        return int(self.inner.eos_token_id)

    @property
    def pad_id(self) -> int:
        """What fills up short rows; never looked at."""
        return self.end_id if self.inner.pad_token_id is None else int(self.inner.pad_token_id)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, with none added."""
        return list(self.inner.encode(text, add_special_tokens=False))

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of tokens, control tokens included."""
        return str(self.inner.decode(list(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def require_single_tags(self) -> None:
        """Raise unless each protocol tag is one token, as a model trained from nothing on few traces needs it.

        Raises:
            ConfigurationError: A tag is several tokens.
        """
        several = [tag for tag in PROTOCOL_TAGS if len(self.encode(tag)) != 1]
        if several:
            raise ConfigurationError(
                f"The tokeniser {self.inner.name_or_path!r} lacks the tags {several} as single tokens. Make one with "
                "maestro_agents.llm.tiny.tiny_tokeniser, or give single_tags = false for a pretrained model."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Pretrained:
    """A model with its tokeniser."""

    model: PreTrainedModel
    tokeniser: PretrainedTokeniser

    def save(self, path: str | Path) -> None:
        """Write both into a folder, weights as safetensors."""
        self.model.save_pretrained(str(path))
        self.tokeniser.inner.save_pretrained(str(path))


def load_pretrained(place: str | Path, *, dtype: str = "float32", device: str = "cpu") -> Pretrained:
    """Read a causal language model.

    Args:
        place: A folder, or an id that the Hugging Face hub (or its cache) knows.
        dtype: Of the weights, as torch calls it.
        device: As torch calls it.

    Raises:
        ConfigurationError: No such model, no tokeniser beside it, or one that cannot write the protocol.
    """
    name = str(place)
    if Path(name).is_dir() and not (Path(name) / "config.json").is_file():
        raise ConfigurationError(f"The folder {name!r} holds no model: there is no config.json. {_MAKE_ONE}")
    auto_tokenizer: Any = AutoTokenizer
    auto_model: Any = AutoModelForCausalLM
    try:
        AutoConfig.from_pretrained(name)
        tokenizer = auto_tokenizer.from_pretrained(name)
        model = auto_model.from_pretrained(name, dtype=getattr(torch, dtype))
    except (OSError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise ConfigurationError(f"There is no model {name!r} ({first_line}). {_MAKE_ONE}") from error
    return Pretrained(model=model.to(device).eval(), tokeniser=PretrainedTokeniser(tokenizer))


_MAKE_ONE = (
    "Give a folder that `python -m maestro_agents.llm.sft` or `python -m maestro_agents.llm.convert_gguf` wrote, or "
    "the id of a model that can be downloaded."
)


def layout_of(tokeniser: PretrainedTokeniser, *, layout: str, instructions: bool) -> Layout:
    """Return a layout by name.

    Raises:
        UnknownNameError: No such layout.
        ConfigurationError: `chat`, and the tokeniser has no usable chat template.
    """
    if layout not in LAYOUTS:
        raise unknown_name("layout", layout, LAYOUTS)
    if layout == "plain":
        return Layout(instructions=instructions)
    inner = tokeniser.inner
    if not inner.chat_template:
        raise ConfigurationError(f"The tokeniser {inner.name_or_path!r} has no chat template; give layout = 'plain'.")

    def template(messages: Sequence[Any]) -> str:
        return str(inner.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))

    return chat_layout(template, instructions=instructions)
