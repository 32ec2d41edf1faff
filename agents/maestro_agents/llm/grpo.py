"""The command `python -m maestro_agents.llm.grpo`: training by playing. trl_adapter.py does the work."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maestro_agents.llm import dry_run, run, run_folder, scores
from maestro_agents.llm.lora import lora_config, merged
from maestro_agents.llm.rollout import Rollout
from maestro_agents.llm.settings import RunSettings
from maestro_agents.llm.tensorboard_log import TensorboardLog
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_agents.llm.trl_adapter import GrpoTraining
from maestro_env.errors import MaestroError

_TELL_EVERY = 10
"""Steps between two lines that say how it goes."""


def train(
    settings: RunSettings, place: str | Path, *, goes_on: bool = False, tensorboard: bool = False
) -> dict[str, Any]:
    """Train a model, write it into a folder, and return the figures of the last evaluation.

    Of several processes the first writes and evaluates, and its share of each batch is what `training.jsonl` tells of;
    the others return nothing.

    The folder holds `model/`, `checkpoints/`, `training.jsonl` (every step's batch: a policy looks better there than it
    is) and `held-out.jsonl` (the fixed set, before the first step and after every few).

    Args:
        settings: Of the run.
        place: The folder.
        goes_on: Whether a run that was killed goes on from its last checkpoint, or from the start if it has none yet.
        tensorboard: Whether the same figures and those of the optimiser are written to `tensorboard/` as well.

    Raises:
        MaestroError: Settings without meaning, a model that cannot be read, a folder that is not empty, one that holds
            no unfinished run of these settings to go on with, or a missing extra.
    """
    folder = Path(place)
    first = os.environ.get("RANK", "0") == "0"  # launchers number the processes that they start
    if first and goes_on:
        run_folder.check_goes_on(folder, settings)
    elif first:
        run_folder.refuse_full(folder)
    checkpoint = last_checkpoint(folder / "checkpoints")
    from_step = 0 if checkpoint is None else step_of(checkpoint)
    env = run.make_env(settings)
    pretrained = run.make_model(settings, env)
    layout = run.make_layout(settings, pretrained)
    held_out = run.HeldOut(settings, layout)
    held_out.check(TransformersGenerator(pretrained))
    tasks = run.draw_tasks(env, min(settings.grpo.num_questions, len(env.task_ids)), seed=settings.grpo.seed)
    run.check_prompts(env, tasks, generator=TransformersGenerator(pretrained), layout=layout)
    board = TensorboardLog(folder / "tensorboard", from_step=from_step) if tensorboard and first else None

    def after_rollouts(step: int, rollouts: Sequence[Rollout]) -> None:
        if not first:
            return
        groups = scores.group_figures(rollouts, settings.grpo.group_size)
        figures = {**scores.summary(rollouts), **groups}
        batches.add(step, figures)
        if step % _TELL_EVERY == 0:
            sys.stderr.write(
                f"step {step} of {settings.grpo.steps}: this batch, reward {figures['reward']:.3f}, "
                f"well-formed {figures['well_formed']:.3f}\n"
            )
        if board is not None:
            board.add("batch", step, figures)

    def evaluate(step: int) -> dict[str, Any]:
        rollouts = held_out.play(training.policy)
        figures = scores.summary(rollouts)
        evaluations.add(step, figures)
        run_folder.write_evaluation(folder, "evaluation", rollouts, figures)
        if board is not None:
            board.add("held-out", step, figures)
        sys.stderr.write(f"step {step}: held out, {run.in_words(figures)}\n")
        return figures

    def after_step(step: int) -> None:
        if first and step % settings.evaluation.every == 0 and step < settings.grpo.steps:
            evaluate(step)

    def after_log(step: int, figures: Mapping[str, Any]) -> None:
        if board is not None:
            board.add("optimiser", step, figures)

    training = GrpoTraining(
        env,
        pretrained,
        settings.grpo,
        task_ids=tasks,
        sampling=settings.sampling,
        layout=layout,
        folder=folder / "checkpoints",
        after_rollouts=after_rollouts,
        after_step=after_step,
        after_log=after_log,
        peft_config=lora_config(settings.model.lora_rank),
    )
    if not first:
        training.run(resume_from=checkpoint)
        return {}
    run_folder.new_folder(folder, settings, goes_on=True)
    batches = run_folder.Log(folder / "training.jsonl", from_step=from_step)
    # A checkpoint is written after the evaluation of its step, but for the last evaluation, which follows on training.
    kept_evaluations = min(from_step + 1, settings.grpo.steps) if checkpoint is not None else 0
    evaluations = run_folder.Log(folder / "held-out.jsonl", from_step=kept_evaluations)
    if checkpoint is None:
        evaluate(0)
    training.run(resume_from=checkpoint)
    figures = evaluate(settings.grpo.steps)
    if board is not None:
        board.close()
    run_folder.save_model(replace(pretrained, model=merged(training.policy.model)), folder, settings)
    return figures


def last_checkpoint(folder: Path) -> Path | None:
    """Return the latest checkpoint in a folder; None if there is none. One that is not whole is passed over."""
    return max(filter(_is_whole, folder.glob("checkpoint-*")), key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """Return how many steps had been taken."""
    return int(checkpoint.name.rpartition("-")[2])


def _is_whole(checkpoint: Path) -> bool:
    """Return whether all of a checkpoint was written; the trainer's state comes last."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = run.parser_of("Train a model with GRPO by letting it play, and evaluate it on held-out tasks.")
    parser.add_argument("--model", default="", help="the model to begin with, such as the warm start's folder `model`")
    parser.add_argument("--out", default="", help="a new folder; with --resume, that of the run that goes on")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    parser.add_argument("--tensorboard", action="store_true", help="write figures for TensorBoard as well, into --out")
    parser.add_argument("--dry-run", action="store_true", help="make all but the weights, and say what would be run")
    given = parser.parse_args(arguments)
    if not (given.out or given.dry_run):
        parser.error("give --out FOLDER, or --dry-run")
    try:
        settings = run.settings_of(given)
        if given.model:
            settings = replace(settings, model=replace(settings.model, place=given.model))
        if given.dry_run:
            command = f"maestro_agents.llm.grpo --config {given.config} --out {given.out or 'FOLDER'}"
            for line in dry_run.lines_of(settings, command=command):
                sys.stdout.write(f"{line}\n")
            return 0
        figures = train(settings, given.out, goes_on=given.resume, tensorboard=given.tensorboard)
    except MaestroError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if figures:
        sys.stdout.write(f"After training: {run.in_words(figures)}\n")
    return 0


# Where TRL starts one process for each GPU, each runs this file.
if __name__ == "__main__":
    raise SystemExit(main())
