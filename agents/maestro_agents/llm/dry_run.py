"""What a run of GRPO would be, found out without weights: all else is made as the run makes it. Nothing is downloaded.

The model has no numbers in it ("meta" tensors). Its sizes come from the model's folder or the hub's cache, or else from
a file of sizes beside the configuration. TRL's trainer is made around a tiny random model of the same kind, so that its
arguments, the data set and the prompts are checked; it takes no step.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from maestro_agents.llm import run
from maestro_agents.llm.rollout import Playing, begin
from maestro_agents.llm.settings import CONFIGS, ModelSettings, RunSettings
from maestro_agents.llm.trl_adapter import GrpoTraining
from maestro_env.errors import ConfigurationError, MissingExtraError
from maestro_env.text.env import MaestroTextEnv

try:
    import torch
    from transformers import (
        AutoConfig,
        AutoImageProcessor,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
        AutoTokenizer,
    )
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.dry_run needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error

_GB = 1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sizes:
    """What is known of a model without its weights."""

    source: str
    config: Any
    image_processor: Any
    """None if it cannot see."""
    tokenizer: Any
    """None if it is not at hand."""


def lines_of(settings: RunSettings, *, command: str) -> Iterator[str]:
    """Yield what a run would be, as lines.

    Args:
        settings: Of the run.
        command: What follows `python -m` or `accelerate launch` to start it.

    Raises:
        MaestroError: The run could not be started with these settings.
    """
    env = run.make_env(settings)
    held_out = settings.evaluation
    run.draw_tasks(run.make_env(settings, split=held_out.split), held_out.num_tasks, seed=held_out.seed)
    episode = _check_training(settings, env)
    sizes = _sizes_of(settings, env)
    yield from _model_lines(settings.model, sizes)
    yield from _prompt_lines(env, episode, sizes)
    yield from _batch_lines(settings)
    yield from _memory_lines(settings, sizes)
    yield f"start: {_launch(settings.grpo.processes, command)}"


def _sizes_of(settings: RunSettings, env: MaestroTextEnv) -> _Sizes:
    chosen = settings.model
    if not chosen.place:
        made = run.make_model(replace(settings, model=replace(chosen, device="cpu")), env)
        image_processor = None if made.pictures is None else made.pictures.image_processor
        return _Sizes(
            source="built from nothing",
            config=made.model.config,
            image_processor=image_processor,
            tokenizer=made.tokeniser.inner,
        )
    auto_config: Any = AutoConfig
    auto_tokenizer: Any = AutoTokenizer
    auto_image_processor: Any = AutoImageProcessor
    try:
        config = auto_config.from_pretrained(chosen.place, local_files_only=True)
        sees = hasattr(config, "vision_config")
        return _Sizes(
            source=f"{chosen.place}, at hand",
            config=config,
            image_processor=auto_image_processor.from_pretrained(chosen.place, local_files_only=True) if sees else None,
            tokenizer=auto_tokenizer.from_pretrained(chosen.place, local_files_only=True),
        )
    except (OSError, ValueError) as error:
        if not chosen.sizes:
            raise ConfigurationError(
                f"The model {chosen.place!r} is not at hand, and a dry run downloads nothing. Download it first, or "
                "name a file with its sizes (`sizes` under [model])."
            ) from error
    document: Any = json.loads((CONFIGS / chosen.sizes).read_text("utf-8"))
    return _Sizes(
        source=f"{chosen.place}, not at hand: sizes from {chosen.sizes}",
        config=auto_config.for_model(**document["model"]),
        image_processor=Qwen2VLImageProcessorPil(**document["pictures"]),
        tokenizer=None,
    )


def _check_training(settings: RunSettings, env: MaestroTextEnv) -> Playing:
    """Make the trainer around a stand-in, and return an episode at its start; neither is taken any further."""
    small = replace(settings.model, place="", device="cpu", layers=2, width=32, single_tags=False)
    stand_in = run.make_model(replace(settings, model=small), env)
    layout = run.make_layout(replace(settings, model=small), stand_in)
    with TemporaryDirectory() as folder:
        GrpoTraining(
            env,
            stand_in,
            replace(settings.grpo, processes=1),
            task_ids=env.task_ids,
            sampling=settings.sampling,
            layout=layout,
            folder=Path(folder),
        )
    return begin(env, env.task_ids[0], layout=layout, tokeniser=stand_in.tokeniser)


def _model_lines(chosen: ModelSettings, sizes: _Sizes) -> Iterator[str]:
    number, seeing = num_parameters(sizes.config)
    sees = f", {seeing / 1e6:.0f} million of them for pictures" if seeing else ""
    trained = "all trained" if chosen.lora_rank == 0 else f"adapters of rank {chosen.lora_rank} trained"
    yield f"model: {sizes.source}"
    yield f"parameters: {number:,}{sees}; {chosen.dtype}, {trained}"


def _prompt_lines(env: MaestroTextEnv, episode: Playing, sizes: _Sizes) -> Iterator[str]:
    """Yield how long the prompt of the first task is."""
    env.reset(options={"task": env.task_ids[0]})
    said = "".join(turn.text for turn in env.turns)
    words = f"{len(said):,} characters"
    if sizes.tokenizer is None:
        words += " (the tokeniser is not at hand, so their tokens are not counted)"
    else:
        words += f", {len(sizes.tokenizer.encode(said, add_special_tokens=False)):,} tokens without markup"
    pictures = [picture for view in episode.views for picture in view.load()]
    if pictures and sizes.image_processor is not None:
        shown = [
            f"{picture.width} x {picture.height} px in {_num_tokens(sizes.image_processor, picture)} tokens"
            for picture in pictures
        ]
        words += f", and pictures: {', '.join(shown)}"
    yield f"prompt of {env.task_ids[0]}: {words}"
    yield f"context window: {sizes.config.get_text_config().max_position_embeddings:,} tokens"


def _batch_lines(settings: RunSettings) -> Iterator[str]:
    grpo = settings.grpo
    episodes = grpo.questions * grpo.group_size
    at_once = grpo.episodes_at_once * grpo.processes
    processes = "1 process" if grpo.processes == 1 else f"{grpo.processes} processes"
    yield (
        f"steps: {grpo.steps:,} of {grpo.questions} x {grpo.group_size} = {episodes} episodes, "
        f"{grpo.steps * episodes:,} in all"
    )
    yield f"a step: {processes} x {grpo.episodes_at_once} at once x {episodes // at_once} passes, then the optimiser"
    yield (
        f"an episode: at most {settings.env.get('max_turns', 4)} calls and an answer, "
        f"{settings.sampling.max_new_tokens:,} tokens a turn"
    )
    yield (
        f"held out: {settings.evaluation.num_tasks} tasks of {settings.evaluation.split}, before the first step, every "
        f"{settings.evaluation.every} steps and at the end"
    )


def _memory_lines(settings: RunSettings, sizes: _Sizes) -> Iterator[str]:
    """Yield what can be reckoned: numbers that are kept for each parameter, and keys and values for each token."""
    number, _ = num_parameters(sizes.config)
    num_bytes = torch.finfo(getattr(torch, settings.model.dtype)).bits // 8
    if settings.model.lora_rank == 0:
        # Weights, gradients, and two moments of AdamW, all in the weights' own type.
        kept = f"{4 * num_bytes * number / _GB:.1f} GB for weights, gradients and AdamW's two moments"
    else:
        kept = f"{num_bytes * number / _GB:.1f} GB for weights; adapters, their gradients and moments come on top"
    text = sizes.config.get_text_config()
    cached = 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim * num_bytes
    yield f"memory of each process: {kept}; {cached / 1e3:.0f} kB for each token in the cache of keys and values"
    yield "not reckoned: activations, which depend on the length of episodes, and what the libraries keep"


def num_parameters(config: Any) -> tuple[int, int]:
    """Return how many parameters a model has, and how many of them see; no weight is made.

    Args:
        config: Of the model, as `transformers` has it.
    """
    auto_model: Any = AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM
    with torch.device("meta"):
        model = auto_model.from_config(config)
    seeing = getattr(model.base_model, "visual", None)
    number = sum(weight.numel() for weight in model.parameters())
    return number, 0 if seeing is None else sum(weight.numel() for weight in seeing.parameters())


def _num_tokens(image_processor: Any, picture: Any) -> int:
    patches = int(image_processor.get_number_of_image_patches(picture.height, picture.width))
    return patches // int(image_processor.merge_size) ** 2


def _launch(processes: int, command: str) -> str:
    if processes == 1:
        return f"python -m {command}"
    return f"accelerate launch --multi_gpu --num_processes {processes} -m {command}"
