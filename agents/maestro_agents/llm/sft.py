"""The command `python -m maestro_agents.llm.sft`: a warm start, in which a model imitates traces."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maestro_agents.llm import run, run_folder, scores
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.lora import merged, with_lora
from maestro_agents.llm.pretrained import Pretrained
from maestro_agents.llm.rollout import Rollout
from maestro_agents.llm.settings import RunSettings
from maestro_agents.llm.supervised import fit
from maestro_agents.llm.traces import Trace, hindsight_traces, random_traces, recorded_traces, replay
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_env.errors import ConfigurationError, MaestroError
from maestro_env.text.env import MaestroTextEnv


def traces_of(settings: RunSettings, env: MaestroTextEnv, *, pretrained: Pretrained, layout: Layout) -> list[Rollout]:
    """Return the traces of a run, token by token.

    Raises:
        ConfigurationError: A recorded trace that is none, or one that is longer than the model's window.
    """
    chosen, seed = settings.traces, settings.sft.seed
    if chosen.source in ("random", "hindsight"):
        tasks = run.draw_tasks(env, chosen.num_tasks, seed=seed)
        found: Iterable[Trace] = (
            random_traces(env, tasks, most_calls=chosen.most_calls, seed=seed)
            if chosen.source == "random"
            else hindsight_traces(env, tasks, seed=seed)
        )
    else:
        found = recorded_traces(chosen.source)
    # All are found before any is replayed: both happen in the same environment.
    rollouts = [replay(env, trace, tokeniser=pretrained.tokeniser, layout=layout) for trace in list(found)]
    window = TransformersGenerator(pretrained).context_length
    for rollout in rollouts:
        num_tokens = len(rollout.prompt_ids) + len(rollout.completion_ids)
        if num_tokens > window:
            raise ConfigurationError(
                f"The trace of task {rollout.task_id!r} has {num_tokens} tokens, and the model's context window is "
                f"{window}. Give prompt='compact', leave out the instructions, or take a model with a longer window."
            )
    return rollouts


def warm_start(settings: RunSettings, place: str | Path) -> dict[str, Any]:
    """Train a model on traces, write it into a folder (`model/`, `sft.json`, the evaluation), and return its figures.

    Raises:
        MaestroError: Settings without meaning, a model that cannot be read, or a folder that is not empty.
    """
    run_folder.refuse_full(place)
    env = run.make_env(settings)
    pretrained = run.make_model(settings, env)
    layout = run.make_layout(settings, pretrained)
    held_out = run.HeldOut(settings, layout)
    held_out.check(TransformersGenerator(pretrained))
    imitates = settings.traces.num_tasks > 0
    rollouts = traces_of(settings, env, pretrained=pretrained, layout=layout) if imitates else []
    model = with_lora(pretrained.model, settings.model.lora_rank if imitates else 0)
    # All that can be wrong with the settings has shown by now: a folder is made for a run that will come to its end.
    folder = run_folder.new_folder(place, settings)
    losses: list[float] = []
    if imitates:
        losses = fit(
            model,
            rollouts,
            settings.sft,
            pad_id=pretrained.tokeniser.pad_id,
            pictures=pretrained.pictures,
            report=_report,
        )
        pretrained = replace(pretrained, model=merged(model))
    (folder / "sft.json").write_text(json.dumps({"losses": losses}) + "\n", "utf-8")
    run_folder.save_model(pretrained, folder, settings)
    played = held_out.play(TransformersGenerator(pretrained))
    figures = scores.summary(played)
    run_folder.write_evaluation(folder, "evaluation", played, figures)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = run.parser_of("Train a model to imitate traces, and evaluate it on held-out tasks.")
    parser.add_argument("--out", required=True, help="a new folder for the model and its figures")
    given = parser.parse_args(arguments)
    try:
        figures = warm_start(run.settings_of(given), given.out)
    except MaestroError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"After the warm start: {run.in_words(figures)}\n")
    return 0


def _report(step: int, num_steps: int, loss: float) -> None:
    if step == num_steps or step % 50 == 0:
        sys.stderr.write(f"step {step} of {num_steps}: loss {loss:.4f}\n")


if __name__ == "__main__":
    raise SystemExit(main())
