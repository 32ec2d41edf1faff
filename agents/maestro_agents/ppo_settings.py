"""What the agents that learn by PPO have in common: their settings, and what Stable-Baselines3 is told by them."""

from typing import Any, Protocol


class PPOSettings(Protocol):
    """Settings of an agent that learns by PPO."""

    seed: int
    num_envs: int
    rollout_steps: int
    batch_size: int
    epochs: int
    learning_rate: float
    entropy_weight: float


def settings_of(agent: PPOSettings) -> dict[str, Any]:
    """Return the settings as keyword arguments of the agent."""
    return {name: getattr(agent, name) for name in PPOSettings.__annotations__}


def arguments_of(agent: PPOSettings) -> dict[str, Any]:
    """Return the keyword arguments of Stable-Baselines3's PPO, and of its kin; the step size falls linearly to 0."""

    def rate(share_left: float) -> float:
        return share_left * agent.learning_rate

    return {
        "seed": agent.seed,
        "n_steps": agent.rollout_steps,
        "batch_size": agent.batch_size,
        "n_epochs": agent.epochs,
        "learning_rate": rate,
        "ent_coef": agent.entropy_weight,
        "gamma": 1.0,  # an answer is worth the same however many calls it took; their price is the reward's matter
        "gae_lambda": 0.95,
        "device": "cpu",
    }
