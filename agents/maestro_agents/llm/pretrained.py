"""Language models and their tokenisers from a folder or by id, checked before anything runs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from maestro_agents.llm.byte_tokeniser import PROTOCOL_TAGS
from maestro_agents.llm.layout import Layout, chat_layout
from maestro_agents.llm.pictures import PictureProcessor, can_be_shown_pictures
from maestro_env.errors import ConfigurationError, MissingExtraError, unknown_name

try:
    import torch
    from transformers import (
        AutoConfig,
        AutoImageProcessor,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
        AutoTokenizer,
        PreTrainedModel,
        PreTrainedTokenizerBase,
    )
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.pretrained needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error

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
    pictures: PictureProcessor | None = None
    """None if the model cannot be shown any."""

    def save(self, path: str | Path) -> None:
        """Write all into a folder, weights as safetensors."""
        self.model.save_pretrained(str(path))
        self.tokeniser.inner.save_pretrained(str(path))
        if self.pictures is not None:
            self.pictures.save(path)


def load_pretrained(place: str | Path, *, dtype: str = "float32", device: str = "cpu") -> Pretrained:
    """Read a causal language model, or one that sees as well.

    Args:
        place: A folder, or an id that the Hugging Face hub (or its cache) knows.
        dtype: Of the weights, as torch calls it.
        device: As torch calls it; `cuda` is the accelerator of this process where a launcher started several.

    Raises:
        ConfigurationError: No such model, no tokeniser beside it, or one that cannot write the protocol.
    """
    name = str(place)
    if Path(name).is_dir() and not (Path(name) / "config.json").is_file():
        raise ConfigurationError(f"The folder {name!r} holds no model: there is no config.json. {_MAKE_ONE}")
    auto_config: Any = AutoConfig
    auto_tokenizer: Any = AutoTokenizer
    auto_image_processor: Any = AutoImageProcessor
    try:
        config = auto_config.from_pretrained(name)
        sees = hasattr(config, "vision_config")
        auto_model: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        tokenizer = auto_tokenizer.from_pretrained(name)
        # Its processor is not asked for as a whole: the part of it that is about videos needs torchvision.
        image_processor = auto_image_processor.from_pretrained(name) if sees else None
        model = auto_model.from_pretrained(name, dtype=getattr(torch, dtype))
    except (OSError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise ConfigurationError(f"There is no model {name!r} ({first_line}). {_MAKE_ONE}") from error
    tokeniser = PretrainedTokeniser(tokenizer)
    pictures: PictureProcessor | None = None
    if sees and can_be_shown_pictures(config, image_processor):
        pictures = PictureProcessor(image_processor, config, tokeniser)
        pictures.let_write_placeholders(model)
    return Pretrained(model=model.to(own_device(device)).eval(), tokeniser=tokeniser, pictures=pictures)


def own_device(device: str) -> str:
    """Return a device, or the one of this process where a launcher started one for each accelerator."""
    rank = os.environ.get("LOCAL_RANK")
    return device if device != "cuda" or rank is None else f"cuda:{rank}"


_MAKE_ONE = (
    "Give a folder that `python -m maestro_agents.llm.sft` or `python -m maestro_agents.llm.convert_gguf` wrote, or "
    "the id of a model that can be downloaded."
)


def layout_of(
    tokeniser: PretrainedTokeniser, *, layout: str, instructions: bool, pictures: PictureProcessor | None = None
) -> Layout:
    """Return a layout by name.

    Args:
        tokeniser: Of the model.
        layout: `plain` or `chat`.
        instructions: Whether prompts say how to play.
        pictures: Of a model that can see.

    Raises:
        UnknownNameError: No such layout.
        ConfigurationError: `chat`, and the tokeniser has no usable chat template.
    """
    if layout not in LAYOUTS:
        raise unknown_name("layout", layout, LAYOUTS)
    if layout == "plain":
        return Layout(instructions=instructions, pictures=pictures)
    inner = tokeniser.inner
    if not inner.chat_template:
        raise ConfigurationError(f"The tokeniser {inner.name_or_path!r} has no chat template; give layout = 'plain'.")

    def template(messages: Sequence[Any]) -> str:
        return str(inner.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))

    return replace(chat_layout(template, instructions=instructions), pictures=pictures)
