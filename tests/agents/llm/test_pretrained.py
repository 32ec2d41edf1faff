"""Models from folders: what was saved comes back, and what is wrong is said before anything runs."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs the extra llm")

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from maestro_agents.llm.pretrained import PretrainedTokeniser, layout_of, load_pretrained, own_device
from maestro_env.errors import ConfigurationError, UnknownNameError


def test_load__what_was_saved(tiny: Any, tmp_path: Path) -> None:
    tiny.save(tmp_path)
    loaded = load_pretrained(tmp_path)
    ids = torch.tensor([tiny.tokeniser.encode("Question: how many? <search>")])
    assert loaded.tokeniser.encode("Question: how many? <search>") == ids[0].tolist()
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(ids).logits, tiny.model(ids).logits)


def test_load__folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no model: there is no config.json.*maestro_agents.llm.sft"):
        load_pretrained(tmp_path)


def test_load__unknown_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no model"):
        load_pretrained(str(tmp_path / "nowhere"))


def test_device__is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert own_device("cuda") == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert [own_device(device) for device in ("cuda", "cuda:1", "cpu")] == ["cuda:3", "cuda:1", "cpu"]


def test_tokeniser__tags_are_single_tokens_and_texts_come_back(tiny: Any) -> None:
    tiny.tokeniser.require_single_tags()
    text = "<think> a\u00e9\u4e2d </think>\n<search> m@@s: q </search>"
    assert tiny.tokeniser.decode(tiny.tokeniser.encode(text)) == text


def word_tokeniser(**special: str) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2, "<end>": 3}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?", **special)


def test_tokeniser__that_cannot_write_the_tags() -> None:
    with pytest.raises(ConfigurationError, match="the protocol cannot be written with it"):
        PretrainedTokeniser(word_tokeniser(eos_token="<end>"))


def test_tokeniser__without_an_end_token() -> None:
    with pytest.raises(ConfigurationError, match="has no end token"):
        PretrainedTokeniser(word_tokeniser())


def test_tokeniser__tags_of_several_tokens() -> None:
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(pre_tokenizers.ByteLevel.alphabet())}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers import decoders

    tokenizer.decoder = decoders.ByteLevel()
    tokeniser = PretrainedTokeniser(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>"))
    with pytest.raises(ConfigurationError, match=r"lacks the tags \['<think>'.*as single tokens"):
        tokeniser.require_single_tags()


def test_layout__by_name(tiny: Any) -> None:
    assert layout_of(tiny.tokeniser, layout="plain", instructions=True).template is None
    with pytest.raises(UnknownNameError, match="'plane'"):
        layout_of(tiny.tokeniser, layout="plane", instructions=True)
    with pytest.raises(ConfigurationError, match="no chat template"):
        layout_of(tiny.tokeniser, layout="chat", instructions=True)
