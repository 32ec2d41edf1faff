"""The command `python -m maestro_agents.llm.grpo`: training by playing. trl_adapter.py does the work."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maestro_agents.llm import dry_run, run, scores
from maestro_agents.llm.lora import lora_config, merged
from maestro_agents.llm.rollout import Rollout
from maestro_agents.llm.settings import RunSettings
from maestro_agents.llm.trl_adapter import GrpoTraining
from maestro_env.errors import ConfigurationError, MaestroError


def train(settings: RunSettings, place: str | Path, *, start: str, goes_on: bool = False) -> dict[str, Any]:
    """Train a model, write it into a folder, and return the figures of the last evaluation.

    The folder holds `model/`, `checkpoints/`, `training.jsonl` (every step's batch: a policy looks better there than it
    is) and `held-out.jsonl` (the fixed set, before the first step and after every few).

    Args:
        settings: Of the run.
        place: The folder.
        start: The model to begin with; empty takes the settings' own.
        goes_on: Whether a run that was killed goes on from its last checkpoint.

    Raises:
        MaestroError: Settings without meaning, a model that cannot be read, a folder that is not empty, or one that
            holds no checkpoint to go on from.
    """
    folder = run.new_folder(place, settings, goes_on=goes_on)
    checkpoint = last_checkpoint(folder / "checkpoints") if goes_on else None
    from_step = 0 if checkpoint is None else _step_of(checkpoint)
    env = run.make_env(settings)
    pretrained = run.make_model(settings, env, place=start)
    layout = run.make_layout(settings, pretrained)
    held_out = run.HeldOut(settings, layout)
    batches = run.Log(folder / "training.jsonl", from_step=from_step)
    evaluations = run.Log(folder / "held-out.jsonl", from_step=from_step + goes_on)

    def after_rollouts(step: int, rollouts: Sequence[Rollout]) -> None:
        groups = scores.group_figures(rollouts, settings.grpo.group_size)
        batches.add(step, {**scores.summary(rollouts), **groups})

    def evaluate(step: int) -> dict[str, Any]:
        rollouts = held_out.play(training.policy)
        figures = scores.summary(rollouts)
        evaluations.add(step, figures)
        run.write_evaluation(folder, "evaluation", rollouts, figures)
        sys.stderr.write(f"step {step}: held out, {run.in_words(figures)}\n")
        return figures

    def after_step(step: int) -> None:
        if step % settings.evaluation.every == 0 and step < settings.grpo.steps:
            evaluate(step)

    training = GrpoTraining(
        env,
        pretrained,
        settings.grpo,
        task_ids=env.task_ids,
        sampling=settings.sampling,
        layout=layout,
        folder=folder / "checkpoints",
        after_rollouts=after_rollouts,
        after_step=after_step,
        peft_config=lora_config(settings.model.lora_rank),
    )
    if not goes_on:
        evaluate(0)
    training.run(resume_from=checkpoint)
    figures = evaluate(settings.grpo.steps)
    replace(pretrained, model=merged(training.policy.model)).save(folder / "model")
    return figures


def last_checkpoint(folder: Path) -> Path:
    """Return the latest checkpoint in a folder.

    Raises:
        ConfigurationError: There is none.
    """
    found = sorted(folder.glob("checkpoint-*"), key=_step_of)
    if not found:
        raise ConfigurationError(f"There is no checkpoint in {str(folder)!r} to go on from; start without --resume.")
    return found[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = run.parser_of("Train a model with GRPO by letting it play, and evaluate it on held-out tasks.")
    parser.add_argument("--model", default="", help="the model to begin with, such as the warm start's folder `model`")
    parser.add_argument("--out", default="", help="a new folder; with --resume, that of the run that goes on")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    parser.add_argument("--dry-run", action="store_true", help="make all but the weights, and say what would be run")
    given = parser.parse_args(arguments)
    if not (given.out or given.dry_run):
        parser.error("give --out FOLDER, or --dry-run")
    try:
        if given.dry_run:
            command = f"maestro_agents.llm.grpo --config {given.config} --out {given.out or 'FOLDER'}"
            for line in dry_run.lines_of(run.settings_of(given), command=command):
                sys.stdout.write(f"{line}\n")
            return 0
        figures = train(run.settings_of(given), given.out, start=given.model, goes_on=given.resume)
    except MaestroError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"After training: {run.in_words(figures)}\n")
    return 0


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


# Where TRL starts one process for each GPU, each runs this file.
if __name__ == "__main__":
    raise SystemExit(main())
