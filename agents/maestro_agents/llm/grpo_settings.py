"""How GRPO trains, whatever carries it out."""

from dataclasses import dataclass

from maestro_env.errors import ConfigurationError, unknown_name

_CHOICES = {
    "lr_schedule": ("linear", "constant"),
    "scale_rewards": ("group", "none"),
    "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GrpoSettings:
    """How to train.

    Raises:
        UnknownNameError: No such schedule, scaling or loss.
        ConfigurationError: A number that has no meaning.
    """

    steps: int
    questions: int
    """A step, each played `group_size` times."""
    group_size: int
    lr: float
    lr_schedule: str
    """`linear` (to 0) or `constant`: a constant rate let the format collapse where it was tried."""
    max_grad_norm: float
    beta: float
    """Weight of the divergence from the model at the start; 0 leaves it out."""
    epsilon: float
    """Of the clipped ratio; plays no part while every batch is used once."""
    scale_rewards: str
    """`group` divides advantages by the group's spread, `none` does not."""
    loss_type: str
    """As TRL calls it: `grpo` is a mean over tokens in an episode, then over episodes."""
    episodes_at_once: int
    """In one pass of the model, in each process; times `processes`, it divides `questions * group_size`."""
    save_every: int
    """Steps between checkpoints."""
    seed: int
    """Of the questions' order and of all episodes."""
    processes: int = 1
    """That play and learn together, one for each accelerator; `accelerate launch` starts them."""
    bf16: bool = False
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "questions", "lr", "max_grad_norm", "episodes_at_once", "save_every", "processes"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name}={getattr(self, name)!r} must be above 0.")
        for name in ("beta", "epsilon", "seed"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name}={getattr(self, name)!r} must be at least 0.")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise unknown_name(name, getattr(self, name), known)
        if self.group_size < 2:
            raise ConfigurationError(
                f"group_size={self.group_size!r} must be at least 2: episodes of a question are compared."
            )
        if self.questions * self.group_size % (self.episodes_at_once * self.processes):
            among = "" if self.processes == 1 else f" in each of {self.processes} processes"
            raise ConfigurationError(
                f"episodes_at_once={self.episodes_at_once}{among} does not divide the {self.questions} x "
                f"{self.group_size} episodes of a step."
            )

    @property
    def num_questions(self) -> int:
        """Asked in all, if there are that many."""
        return self.steps * self.questions
