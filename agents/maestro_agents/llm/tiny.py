"""The tiny orchestrator's parts, made from nothing: a tokeniser trained on what episodes say, and a small model.

Byte-level BPE of some 700 tokens, the eight protocol tags and the control tokens among them as tokens of their own; a
decoder of Qwen3's architecture. Training it is the business of sft.py and grpo.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from maestro_agents.llm.byte_tokeniser import END, PROTOCOL_TAGS
from maestro_agents.llm.traces import QUERY
from maestro_env.errors import MissingExtraError
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.names import written

try:
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.tiny needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error

PAD = "<|endoftext|>"
BEGIN = "<|im_start|>"
VOCABULARY = 700
_SPREAD = 0.08
"""Of the first weights. With the usual 0.02, so narrow a model learns to take over an answer in twice the steps."""
_NUM_WHOLE = 200
"""Tasks whose prompts the vocabulary is learnt from."""


def tiny_tokeniser(
    texts: Iterable[str], *, vocabulary: int = VOCABULARY, more_tokens: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokeniser learnt from texts; it holds every byte, so no text is unknown to it.

    Args:
        texts: What is to be said in few tokens.
        vocabulary: Tokens in all.
        more_tokens: Control tokens beside those of the protocol and of turns.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [PAD, BEGIN, END, *PROTOCOL_TAGS, *more_tokens]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[AddedToken(token, normalized=False, special=True) for token in special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        clean_up_tokenization_spaces=False,
        model_max_length=10**9,
    )


def tiny_model(
    tokenizer: PreTrainedTokenizerFast, *, seed: int, layers: int = 2, width: int = 128, context_length: int = 2048
) -> Qwen3ForCausalLM:
    """Return a model with random weights.

    Args:
        tokenizer: Whose tokens it knows.
        seed: Of the weights; torch's own generator is left as it was.
        layers: Decoder blocks.
        width: Of the hidden state; a multiple of 32, the size of a head.
        context_length: Tokens that it can look at.
    """
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        head_dim=32,
        max_position_embeddings=context_length,
        tie_word_embeddings=True,
        initializer_range=_SPREAD,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        bos_token_id=None,
        eos_token_id=_id_of(tokenizer, END),
        pad_token_id=_id_of(tokenizer, PAD),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config)


def texts_of(env: MaestroTextEnv) -> Iterator[str]:
    """Yield what episodes in an environment say: prompts, the names of experts, and some replies.

    Args:
        env: Its first tasks are read; no gold answer is.
    """
    names = [written(expert) for expert in env.registry.experts]
    every = max(1, len(env.task_ids) // _NUM_WHOLE)
    for number, task_id in enumerate(env.task_ids[::every]):
        name = names[number % len(names)]
        prompt, _ = env.reset(options={"task": task_id})
        yield prompt if number == 0 else env.turns[-1].text
        call = f"<search> {name}: {QUERY} </search>"
        yield call
        yield env.step(call)[0]


def _id_of(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    found: Any = tokenizer.convert_tokens_to_ids(token)
    return int(found)
