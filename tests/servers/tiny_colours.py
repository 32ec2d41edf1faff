"""Makes a tiny vision-language model that tells four plain colours apart: Idefics3's architecture, taught on the spot.

vLLM serves that architecture without torchvision. `python -m tests.servers.tiny_colours --out FOLDER` takes seconds.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor, LlamaConfig
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from maestro_agents.llm.byte_tokeniser import END
from maestro_agents.llm.tiny import BEGIN, PAD, tiny_tokeniser
from maestro_env.skills.prompted.answers import ANSWER_FORM

QUESTION = "Which colour is this?"
COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "green": (30, 180, 40),
    "blue": (40, 60, 220),
    "yellow": (230, 220, 40),
}

_IMAGE, _AROUND, _WHOLE = "<image>", "<fake_token_around_image>", "<global-img>"
_EDGE_PX, _PATCH_PX, _MERGED = 64, 16, 2
_SEEN = (_EDGE_PX // _PATCH_PX // _MERGED) ** 2
PICTURE_TOKENS = _SEEN + 3
"""Tokens of one picture, however large: what is seen, the mark of a whole picture before it, one more on each side."""

_PART = f"{{% if part.type == 'image' %}}{_IMAGE}{{% else %}}{{{{ part.text }}}}{{% endif %}}"
_TEMPLATE = (
    f"{{% for message in messages %}}{BEGIN}{{{{ message.role }}}}\n"
    "{% if message.content is string %}{{ message.content }}"
    f"{{% else %}}{{% for part in message.content %}}{_PART}{{% endfor %}}{{% endif %}}"
    f"{END}\n{{% endfor %}}{{% if add_generation_prompt %}}{BEGIN}assistant\n{{% endif %}}"
)
_ASKED = f"{QUESTION}\n\n{ANSWER_FORM}{END}\n{BEGIN}assistant\n"
_WIDTH, _LAYERS = 64, 2
_STEPS, _BATCH = 150, 16
"""The loss is below 0.01 by then."""
_NOISE = 20.0
"""Spread of what is added to the colours, so that those of a JPEG are no surprise."""


def make_model(folder: Path) -> None:
    """Teach the model, and save it as vLLM and transformers load it."""
    rng = np.random.default_rng(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        processor = _processor()
        model = _model(processor.tokenizer)
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for _ in range(_STEPS):
            loss = model(**_batch(processor, rng)).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)


def _processor() -> Any:
    said = [f"{BEGIN}user\n{_ASKED}", *(f"Answer: {name}{END}" for name in COLOURS)]
    tokenizer = tiny_tokeniser(said * 2, vocabulary=400, more_tokens=(_IMAGE, _AROUND, _WHOLE, "<end_of_utterance>"))
    tokenizer.chat_template = _TEMPLATE
    edge = {"longest_edge": _EDGE_PX}
    pictures = Idefics3ImageProcessorPil(size=edge, max_image_size=edge, do_image_splitting=False)
    return Idefics3Processor(pictures, tokenizer, image_seq_len=_SEEN, chat_template=_TEMPLATE)


def _model(tokenizer: Any) -> Any:
    end_id, pad_id, image_id = tokenizer.convert_tokens_to_ids([END, PAD, _IMAGE])
    sizes: dict[str, Any] = {
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _WIDTH // 32,
    }
    text = LlamaConfig(
        **sizes,
        vocab_size=len(tokenizer),
        num_key_value_heads=_WIDTH // 32,
        head_dim=32,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=end_id,
        pad_token_id=pad_id,
    )
    return Idefics3ForConditionalGeneration(
        Idefics3Config(
            text_config=text.to_dict(),
            vision_config={**sizes, "image_size": _EDGE_PX, "patch_size": _PATCH_PX},
            scale_factor=_MERGED,
            image_token_id=image_id,
            pad_token_id=pad_id,
            tie_word_embeddings=False,
        )
    )


def _batch(processor: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Return pictures with their answers; only the answers are to be learnt."""
    names = [list(COLOURS)[place] for place in rng.integers(0, len(COLOURS), _BATCH)]
    asked = f"{BEGIN}user\n{_IMAGE}{_ASKED}"
    batch = processor(
        images=[[_picture(COLOURS[name], rng)] for name in names],
        text=[f"{asked}Answer: {name}{END}" for name in names],
        return_tensors="pt",
        padding=True,
    )
    num_asked = len(processor.tokenizer(asked)["input_ids"]) - 1 + PICTURE_TOKENS
    labels = batch["input_ids"].clone()
    labels[:, :num_asked] = -100
    labels[batch["attention_mask"] == 0] = -100
    return {**batch, "labels": labels}


def _picture(colour: tuple[int, int, int], rng: np.random.Generator) -> Image.Image:
    pixels: NDArray[np.float64] = np.array(colour) + rng.normal(0.0, _NOISE, (_EDGE_PX, _EDGE_PX, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    make_model(parser.parse_args().out)
