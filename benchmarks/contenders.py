"""Who takes part in the comparison, and with which settings. Playing them is playing.py's job."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.own_agent import load_maker, load_saved, name_of, parts_of, takes_seed, timesteps_of
from maestro_agents.arms import UCB1, EpsilonGreedy
from maestro_agents.behaviour_cloning import BehaviourCloning
from maestro_agents.best_per_benchmark import BestPerBenchmark
from maestro_agents.cascade import Cascade
from maestro_agents.chance_routers import LogisticRouter, MLPRouter
from maestro_agents.cluster_router import ClusterRouter
from maestro_agents.contextual_plan import ContextualPlan
from maestro_agents.descriptor_router import DescriptorRouter
from maestro_agents.dqn import DQN
from maestro_agents.fitted_rules import FittedRules
from maestro_agents.fixed_expert import FixedExpert
from maestro_agents.lin_ts import LinTS
from maestro_agents.linucb import LinUCB
from maestro_agents.llm.agent import LLMAgent
from maestro_agents.majority_vote import MajorityVote
from maestro_agents.neural_linear import NeuralLinear
from maestro_agents.one_shot_router import OneShotRouter
from maestro_agents.open_loop_plan import OpenLoopPlan
from maestro_agents.pointer_ppo import PointerPPO
from maestro_agents.ppo import PPO, MaskablePPO
from maestro_agents.random import Random
from maestro_agents.recurrent_ppo import RecurrentPPO
from maestro_env.errors import unknown_name


@dataclass(frozen=True, kw_only=True)
class Contender:
    """An agent in the comparison."""

    name: str = ""
    """What it is called in tables; the class's name unless given."""
    agent: Callable[..., Any]
    """A class, or a function that makes an agent."""
    candidates: tuple[Mapping[str, Any], ...] = ({},)
    """Settings to be tried; the best on val is reported."""
    varies: bool = False
    """Whether the seed matters, so that several are run."""
    closed_loop: bool = False
    """Whether its choices depend on what its calls reveal."""
    total_timesteps: int = 0
    """Environment steps to learn from; 0 where it fits recorded replies."""
    quick: Mapping[str, Any] | None = None
    """Settings of a smoke test; None: the first candidate."""
    quick_timesteps: int = 0
    learns: bool = True
    """Whether its `learn` is called; if not, it is played as it was made."""
    side_by_side: int = 1
    """Episodes that it plays at a time."""
    seconds: float | None = None
    """Roughly what a run took on two cores of an AMD EPYC in the embedded world; None where nothing is known."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.agent.__name__)


def _tiny_orchestrator(env: Any) -> LLMAgent:
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # one for reading 1.7 MB would spoil ours
    return LLMAgent.load("tiny-orchestrator", env)


CONTENDERS = (
    Contender(agent=Random, varies=True, seconds=2),
    Contender(agent=FixedExpert, seconds=2),
    Contender(agent=BestPerBenchmark, seconds=2),
    Contender(agent=EpsilonGreedy, varies=True, total_timesteps=20_000, quick_timesteps=200, seconds=4),
    Contender(agent=UCB1, varies=True, total_timesteps=20_000, quick_timesteps=200, seconds=4),
    Contender(
        agent=LinUCB,
        candidates=({"alpha": 0.5}, {"alpha": 1.0}),
        varies=True,
        total_timesteps=20_000,
        quick_timesteps=200,
        seconds=17,
    ),
    Contender(
        agent=LinTS,
        candidates=({"spread": 0.2}, {"spread": 0.3}),
        varies=True,
        total_timesteps=20_000,
        quick_timesteps=200,
        seconds=50,
    ),
    Contender(
        agent=NeuralLinear,
        candidates=({"spread": 0.2}, {"spread": 0.3}),
        varies=True,
        total_timesteps=20_000,
        quick={"hidden": 8, "every": 50, "steps": 20},
        quick_timesteps=200,
        seconds=35,
    ),
    Contender(agent=OneShotRouter, candidates=tuple({"k": k} for k in (5, 15, 40, 100)), seconds=30),
    Contender(agent=ClusterRouter, candidates=tuple({"clusters": k} for k in (8, 32, 128)), varies=True, seconds=3),
    Contender(agent=LogisticRouter, candidates=tuple({"ridge": ridge} for ridge in (1.0, 10.0, 100.0)), seconds=5),
    Contender(
        agent=MLPRouter,
        candidates=({"hidden": 16}, {"hidden": 64}),
        varies=True,
        quick={"hidden": 16, "steps": 100},
        seconds=5,
    ),
    Contender(agent=MajorityVote, candidates=tuple({"k": k} for k in (2, 3, 4)), seconds=2),
    Contender(agent=Cascade, closed_loop=True, seconds=6),
    Contender(agent=OpenLoopPlan, seconds=26),
    Contender(
        agent=DescriptorRouter,
        varies=True,
        closed_loop=True,
        quick={"steps": 50, "memory": 100, "lesson": 10},
        seconds=22,
    ),
    Contender(agent=ContextualPlan, varies=True, quick={"max_calls": 2, "steps": 100}, seconds=120),
    Contender(agent=FittedRules, varies=True, closed_loop=True, quick={"steps": 100}, seconds=13),
    Contender(
        agent=BehaviourCloning,
        candidates=({"sure": 0.0}, {"sure": 0.5}),
        varies=True,
        closed_loop=True,
        quick={"steps": 50},
        seconds=22,
    ),
    Contender(
        agent=DQN,
        varies=True,
        closed_loop=True,
        total_timesteps=200_000,
        quick={"num_envs": 4, "batch_size": 64},
        quick_timesteps=128,
        seconds=95,
    ),
    Contender(
        agent=PPO,
        varies=True,
        closed_loop=True,
        total_timesteps=500_000,
        quick={"num_envs": 4, "rollout_steps": 32, "batch_size": 64},
        quick_timesteps=256,
        seconds=80,
    ),
    Contender(
        agent=MaskablePPO,
        varies=True,
        closed_loop=True,
        total_timesteps=500_000,
        quick={"num_envs": 4, "rollout_steps": 32, "batch_size": 64},
        quick_timesteps=256,
        seconds=80,
    ),
    Contender(
        agent=RecurrentPPO,
        varies=True,
        closed_loop=True,
        total_timesteps=200_000,
        quick={"num_envs": 4, "rollout_steps": 32, "batch_size": 64, "memory": 16},
        quick_timesteps=128,
        seconds=140,
    ),
    Contender(
        agent=PointerPPO,
        varies=True,
        closed_loop=True,
        total_timesteps=400_000,
        quick={"num_envs": 4, "rollout_steps": 32, "batch_size": 64, "memory": 100, "lesson": 10},
        quick_timesteps=128,
        seconds=130,
    ),
    # Trained beforehand on train tasks, by `python -m benchmarks.orchestrate`; it ships with its weights.
    Contender(
        name="TinyOrchestrator",
        agent=_tiny_orchestrator,
        closed_loop=True,
        learns=False,
        side_by_side=256,
        seconds=150,
    ),
)
"""Roughly from the simplest to the most capable; tables keep this order."""

STANDARD = (
    "Random", "FixedExpert", "LinUCB", "OneShotRouter", "Cascade", "OpenLoopPlan", "FittedRules", "BehaviourCloning",
    "MaskablePPO", "TinyOrchestrator",
)  # fmt: skip
"""Who takes part unless others are named."""


def standard_on(recording: str) -> tuple[str, ...]:
    """Return who takes part unless others are named, on a recording by its name or folder.

    Who was trained beforehand learned to name the embedded experts, and can call no others.
    """
    return STANDARD if recording == "embedded" else tuple(name for name in STANDARD if contender(name).learns)


LADDER = ("FixedExpert", "OneShotRouter", "OpenLoopPlan")
"""Each is expected to beat the one before, and the best closed loop to beat them all."""


QUICK_TIMESTEPS = 256
"""Of anyone's own agent in a smoke test."""


def contender(name: str) -> Contender:
    """Return a contender by its agent's name, or anyone's own by `module:Class` or `module:Class=PATH`.

    Raises:
        UnknownNameError: No such agent; the message names the nearest ones.
        ConfigurationError: Someone's own that cannot be found, or is no agent.
    """
    if ":" in name:
        return _own(name)
    for entry in CONTENDERS:
        if entry.name == name:
            return entry
    raise unknown_name("agent", name, [entry.name for entry in CONTENDERS])


def _own(place: str) -> Contender:
    maker, saved = load_maker(place), parts_of(place)[2]
    if saved:
        return Contender(name=name_of(place), agent=partial(load_saved, maker, saved), learns=False)
    steps = timesteps_of(maker)
    return Contender(
        agent=maker,
        varies=takes_seed(maker),
        learns=hasattr(maker, "learn"),
        total_timesteps=steps,
        quick_timesteps=min(steps, QUICK_TIMESTEPS),
    )
