"""GRPO through TRL: the one file that knows TRL. What an episode is, it takes from rollout.py.

TRL calls `rollout_func` with each prompt repeated `group_size` times, in order, and takes token ids, log-probabilities
and a mask back; it never sees the text. Every episode is closed with an end token that is masked, because TRL reads a
completion without one as cut off. Rewards travel with the episodes as extra fields. `rollout_func` is experimental in
TRL, so its version is pinned. Written for TRL 1.16. How pictures get to the loss is told in trl_pictures.py.

Exact resumption rests on episodes being drawn from (seed, optimizer step, process): whoever starts again at a
checkpoint draws what an undisturbed run would have drawn.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any, final

from maestro_agents.llm.generation import Sampling
from maestro_agents.llm.grpo_settings import GrpoSettings
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.pretrained import Pretrained
from maestro_agents.llm.rollout import Rollout, play
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_agents.llm.trl_pictures import PlayedPictures, task_of
from maestro_env.errors import ConfigurationError, MissingExtraError
from maestro_env.text.env import MaestroTextEnv
from maestro_env.types import Outcome

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

try:
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.trl_adapter needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error


@final
class GrpoTraining:
    """A model being trained by playing."""

    def __init__(
        self,
        env: MaestroTextEnv,
        pretrained: Pretrained,
        settings: GrpoSettings,
        *,
        task_ids: Sequence[str],
        sampling: Sampling,
        layout: Layout,
        folder: str | Path,
        after_rollouts: Callable[[int, Sequence[Rollout]], None] | None = None,
        after_step: Callable[[int], None] | None = None,
        after_log: Callable[[int, Mapping[str, Any]], None] | None = None,
        peft_config: Any = None,
    ) -> None:
        """Set everything up; nothing is played yet.

        Args:
            env: Where episodes are played; its reward is the reward.
            pretrained: The model; its weights are changed.
            settings: How to train.
            task_ids: Of the environment's tasks, to be asked over and over in drawn orders.
            sampling: How turns are drawn.
            layout: How what is said becomes tokens.
            folder: For checkpoints.
            after_rollouts: Is told the step and the episodes of a batch.
            after_step: Is told how many steps were taken, after each.
            after_log: Is told the same and TRL's own figures: loss, size of the gradient, rate, entropy and others.
            peft_config: Of low-rank adapters; None trains all weights.

        Raises:
            ConfigurationError: There are fewer tasks than questions in a step; or another number of processes was
                started than the settings say.
        """
        if len(task_ids) < settings.questions:
            raise ConfigurationError(
                f"{len(task_ids)} tasks are fewer than the {settings.questions} questions of a step."
            )
        # Launchers tell every process how many there are.
        started = int(os.environ.get("WORLD_SIZE", "1"))
        if started != settings.processes:
            raise ConfigurationError(
                f"{started} processes were started, and the settings are for {settings.processes}: a step would have "
                f"other episodes than they say. Start them with `accelerate launch --num_processes "
                f"{settings.processes}`, or set grpo.processes={started}."
            )
        self._env = env
        self._settings = settings
        self._sampling = sampling
        self._layout = layout
        self._after_rollouts = after_rollouts
        self._pretrained = pretrained
        self._processor = None if pretrained.pictures is None else PlayedPictures(pretrained)
        # The task's id travels inside the message: TRL hands nothing else of the data set to `rollout_func`.
        columns: dict[str, list[Any]] = {"prompt": [[{"role": "user", "content": task_id}] for task_id in task_ids]}
        if env.rules.images:
            recording = env.base.recording
            columns["images"] = [list(recording.tasks[recording.index_of(task_id)].images) for task_id in task_ids]
        self.trainer = GRPOTrainer(
            model=pretrained.model,
            reward_funcs=[outcome, format],
            args=_trl_config(settings, sampling, folder=folder, device=str(pretrained.model.device)),
            train_dataset=Dataset.from_dict(columns),
            processing_class=pretrained.tokeniser.inner if self._processor is None else self._processor,
            rollout_func=self._roll_out,
            callbacks=[_Tell(after_step, after_log)],
            peft_config=peft_config,
        )
        self.trainer.remove_callback(PrinterCallback)  # prints every figure of every step

    @property
    def policy(self) -> TransformersGenerator:
        """The model as it is now."""
        trainer: Any = self.trainer
        model = trainer.accelerator.unwrap_model(trainer.model)
        return TransformersGenerator(replace(self._pretrained, model=model))

    def run(self, *, resume_from: str | Path | None = None) -> None:
        """Train to the last step.

        Args:
            resume_from: A checkpoint folder to go on from.
        """
        self.trainer.train(resume_from_checkpoint=None if resume_from is None else str(resume_from))

    def _roll_out(self, prompts: list[Any], trainer: Any) -> dict[str, list[Any]]:
        step = int(trainer.state.global_step)
        rollouts = play(
            self._env,
            self.policy,
            [task_of(messages) for messages in prompts],
            sampling=self._sampling,
            layout=self._layout,
            seed=(self._settings.seed, step, int(trainer.accelerator.process_index)),
            batch_size=len(prompts),
        )
        if self._after_rollouts is not None:
            self._after_rollouts(step, rollouts)
        if self._processor is not None:
            self._processor.played = rollouts
        return as_trl(rollouts, end_id=self._pretrained.tokeniser.end_id)


def as_trl(rollouts: Sequence[Rollout], *, end_id: int) -> dict[str, list[Any]]:
    """Return episodes as TRL takes them. A failure of an expert is no wrong answer: such an episode has no reward.

    Raises:
        ConfigurationError: Tokens of the policy whose log-probability is not known: text that was encoded again.
    """
    if any(not isfinite(logprob) for rollout in rollouts for logprob in rollout.logprobs):
        raise ConfigurationError(
            "These episodes were exchanged as text, so nobody knows which tokens the policy drew, nor how probable "
            "they were: nothing can be trained on them. Play with a backend that gives tokens."
        )
    failed = [rollout.outcome is Outcome.EXPERT_ERROR for rollout in rollouts]
    return {
        "prompt_ids": [[*rollout.prompt_ids] for rollout in rollouts],
        "completion_ids": [[*rollout.completion_ids, end_id] for rollout in rollouts],
        "logprobs": [[*rollout.logprobs, 0.0] for rollout in rollouts],
        "env_mask": [[*map(int, rollout.policy_mask), 0] for rollout in rollouts],
        "outcome_reward": [None if bad else each.outcome_reward for each, bad in zip(rollouts, failed, strict=True)],
        "format_reward": [None if bad else each.format_reward for each, bad in zip(rollouts, failed, strict=True)],
    }


def outcome(outcome_reward: list[float | None], **_: Any) -> list[float | None]:
    """Return what the answers scored, less what the calls cost; TRL names its figures after this function."""
    return outcome_reward


def format(format_reward: list[float | None], **_: Any) -> list[float | None]:
    """Return what format faults took off."""
    return format_reward


@final
class _Tell(TrainerCallback):
    """Tells how many steps were taken, and what TRL says of them."""

    def __init__(
        self,
        after_step: Callable[[int], None] | None,
        after_log: Callable[[int, Mapping[str, Any]], None] | None,
    ) -> None:
        self._after_step = after_step
        self._after_log = after_log

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, control, kwargs
        if self._after_step is not None:
            self._after_step(int(state.global_step))

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        del args, control
        if self._after_log is not None:
            self._after_log(int(state.global_step), kwargs["logs"])


def _trl_config(settings: GrpoSettings, sampling: Sampling, *, folder: str | Path, device: str) -> GRPOConfig:
    return GRPOConfig(
        output_dir=str(folder),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.episodes_at_once,
        gradient_accumulation_steps=settings.questions
        * settings.group_size
        // (settings.episodes_at_once * settings.processes),
        num_generations=settings.group_size,
        learning_rate=settings.lr,
        lr_scheduler_type=settings.lr_schedule,
        max_grad_norm=settings.max_grad_norm,
        beta=settings.beta,
        epsilon=settings.epsilon,
        loss_type=settings.loss_type,
        scale_rewards=settings.scale_rewards,
        temperature=sampling.temperature,
        top_p=1.0,
        top_k=0,
        # Of one turn. The whole episode's length is bounded by its turns; TRL cuts nothing that `rollout_func` returns.
        max_completion_length=sampling.max_new_tokens,
        seed=settings.seed,
        save_strategy="steps",
        save_steps=settings.save_every,
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        bf16=settings.bf16,
        gradient_checkpointing=settings.gradient_checkpointing,
        use_cpu=device == "cpu",
        use_vllm=False,
    )
