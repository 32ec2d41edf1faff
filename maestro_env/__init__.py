"""Maestro-v0: learn which frozen expert to ask next about a question with a picture, and when to stop.

Importing this package registers its environments with Gymnasium, and does nothing else.
"""

import gymnasium as gym

from maestro_env.env import NO_EXPERT, MaestroEnv
from maestro_env.factored import FactoredActions
from maestro_env.recordings.recording import Recording
from maestro_env.registry import STOP, Registry, load_registry
from maestro_env.rewards import CostAwareReward, OutcomeReward, RewardFn
from maestro_env.snapshot import Snapshot
from maestro_env.tasks.benchmarks import EXTENDED, UNSEEN
from maestro_env.text.env import MaestroTextEnv
from maestro_env.types import (
    AnswerRule,
    Context,
    Expert,
    Model,
    Outcome,
    Reply,
    Skill,
    Status,
    Task,
)

__version__ = "0.1.0"

__all__ = [
    "NO_EXPERT",
    "STOP",
    "AnswerRule",
    "Context",
    "CostAwareReward",
    "Expert",
    "FactoredActions",
    "MaestroEnv",
    "MaestroTextEnv",
    "Model",
    "Outcome",
    "OutcomeReward",
    "Recording",
    "Registry",
    "Reply",
    "RewardFn",
    "Skill",
    "Snapshot",
    "Status",
    "Task",
    "load_registry",
]

# Registering twice would warn, and spawned workers and reloads import this again. No `max_episode_steps`: every turn
# counts against `max_turns`, a lost one too, so an episode is never longer than that.
_EXTENDED = {"registry": "extended", "split": "test", "benchmarks": (*UNSEEN, *EXTENDED)}
for _name, _arguments in (("Maestro-v0", {}), ("MaestroExtended-v0", _EXTENDED)):
    if _name not in gym.registry:
        gym.register(  # pyright: ignore[reportUnknownMemberType]
            id=_name,
            entry_point="maestro_env.env:MaestroEnv",
            vector_entry_point="maestro_env.vector:make_vector_env",
            kwargs=_arguments,
        )
if "MaestroText-v0" not in gym.registry:
    gym.register(id="MaestroText-v0", entry_point="maestro_env.text.env:MaestroTextEnv")  # pyright: ignore[reportUnknownMemberType]
