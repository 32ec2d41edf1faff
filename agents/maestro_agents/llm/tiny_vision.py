"""A tiny model that can see, made from nothing: Qwen3-VL's architecture with random weights. For tests and dry runs.

Its tokeniser is the tiny orchestrator's with the tokens that stand for pictures, and a chat template.
"""

from collections.abc import Iterable

from maestro_agents.llm.byte_tokeniser import END
from maestro_agents.llm.pictures import PictureProcessor
from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser
from maestro_agents.llm.tiny import BEGIN, PAD, VOCABULARY, tiny_tokeniser
from maestro_env.errors import MissingExtraError

try:
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.tiny_vision needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error

PLACEHOLDER = "<|image_pad|>"
"""Of one token of a picture."""
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
_VIDEO = "<|video_pad|>"

_PATCH_PX, _MERGED = 16, 2
_MOST_TOKENS = 16
"""Of a picture: one of more than 128 x 128 pixels is made smaller."""

_PICTURE = f"{VISION_START}{PLACEHOLDER}{VISION_END}"
_PART = f"{{% if part.type == 'image' %}}{_PICTURE}{{% else %}}{{{{ part.text }}}}{{% endif %}}"
CHAT_TEMPLATE = (
    f"{{% for message in messages %}}{BEGIN}{{{{ message.role }}}}\n"
    "{% if message.content is string %}{{ message.content }}"
    f"{{% else %}}{{% for part in message.content %}}{_PART}{{% endfor %}}{{% endif %}}"
    f"{END}\n{{% endfor %}}{{% if add_generation_prompt %}}{BEGIN}assistant\n{{% endif %}}"
)


def tiny_vision_model(
    texts: Iterable[str],
    *,
    seed: int,
    layers: int = 2,
    width: int = 128,
    context_length: int = 2048,
    vocabulary: int = VOCABULARY,
) -> Pretrained:
    """Return a model that can be shown pictures, with random weights.

    Args:
        texts: What its tokeniser is learnt from.
        seed: Of the weights; torch's own generator is left as it was.
        layers: Of the decoder, and of the pictures' encoder; at least 2, for the encoder's first layer speaks to the
            decoder's second.
        width: Of both; a multiple of 32, the size of a head.
        context_length: Tokens that it can look at.
        vocabulary: Tokens in all.
    """
    tokenizer = tiny_tokeniser(
        texts, vocabulary=vocabulary, more_tokens=(VISION_START, VISION_END, PLACEHOLDER, _VIDEO)
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokeniser = PretrainedTokeniser(tokenizer)

    def token(text: str) -> int:
        (token_id,) = tokeniser.encode(text)
        return token_id

    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": width // 32,
            "num_key_value_heads": width // 32,
            "head_dim": 32,
            "max_position_embeddings": context_length,
            # Half a head's 32 numbers, shared out among time, height and width as evenly as can be.
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [6, 5, 5]},
            "eos_token_id": token(END),
            "pad_token_id": token(PAD),
        },
        vision_config={
            "depth": layers,
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_heads": width // 32,
            "patch_size": _PATCH_PX,
            "spatial_merge_size": _MERGED,
            "out_hidden_size": width,
            "num_position_embeddings": _MOST_TOKENS * _MERGED**2,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=token(PLACEHOLDER),
        video_token_id=token(_VIDEO),
        vision_start_token_id=token(VISION_START),
        vision_end_token_id=token(VISION_END),
        tie_word_embeddings=True,
    )
    px_a_token = (_PATCH_PX * _MERGED) ** 2
    image_processor = Qwen2VLImageProcessorPil(
        patch_size=_PATCH_PX,
        merge_size=_MERGED,
        size={"shortest_edge": px_a_token, "longest_edge": _MOST_TOKENS * px_a_token},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3VLForConditionalGeneration(config)
    pictures = PictureProcessor(image_processor, config, tokeniser)
    pictures.let_write_placeholders(model)
    return Pretrained(model=model.eval(), tokeniser=tokeniser, pictures=pictures)
