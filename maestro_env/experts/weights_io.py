"""Weights and training checkpoints on disk: safetensors only, written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from safetensors import safe_open  # pyright: ignore[reportUnknownVariableType]
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]
    save_file,  # pyright: ignore[reportUnknownVariableType]
)
from torch import Tensor, nn

from maestro_env.errors import ConfigurationError

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
"""The shipped weights, one file an expert."""


def weights_path(expert: str, folder: Path = WEIGHTS_FOLDER) -> Path:
    """Return where an expert's weights lie in a folder."""
    return folder / f"{expert}.safetensors"


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read weights as float32.

    Raises:
        ConfigurationError: No such file.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"No weights {path}; train them with `python -m maestro_env.experts.train --expert {path.stem}`."
        )
    return _converted(load_file(path), torch.float32)


def read_metadata(path: Path) -> dict[str, str]:
    """Return what was written beside the tensors of a file."""
    with safe_open(path, "pt") as file:  # pyright: ignore[reportUnknownVariableType]
        return cast("dict[str, str]", file.metadata() or {})  # pyright: ignore[reportUnknownMemberType]


def save_weights(network: nn.Module, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a network's weights in half precision."""
    _write(_converted(network.state_dict(), torch.float16), path, metadata)


def save_checkpoint(
    network: nn.Module, optimizer: torch.optim.Optimizer, path: Path, *, plan: Mapping[str, str], next_step: int
) -> None:
    """Write what a training needs to go on: weights in full precision and the optimizer's state."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
    _write(tensors, path, {**plan, "next_step": str(next_step)})


def resume(network: nn.Module, optimizer: torch.optim.Optimizer, path: Path, *, plan: Mapping[str, str]) -> int:
    """Load a checkpoint into a network and its optimizer, and return the next step; 0 if there is no checkpoint.

    Raises:
        ConfigurationError: The checkpoint belongs to another plan.
    """
    if not path.exists():
        return 0
    metadata = read_metadata(path)
    found = {key: metadata.get(key, "") for key in plan}
    if found != dict(plan):
        raise ConfigurationError(
            f"Checkpoint {path} belongs to {found}, not to {dict(plan)}; delete it or choose another --out."
        )
    tensors = load_file(path)
    prefix = "network."
    network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(metadata["next_step"])


def _converted(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def _write(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished, metadata=dict(metadata))
    unfinished.rename(path)
