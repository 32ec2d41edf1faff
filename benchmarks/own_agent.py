"""Anyone's own agent in the comparison: finding its class, building it, and letting it learn if it can."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from maestro_agents.agent import Progress
from maestro_env.errors import ConfigurationError, unknown_name

DEFAULT_TIMESTEPS = 100_000
"""Steps that an agent with `learn` plays where its class has no `total_timesteps`."""


def load_class(place: str) -> type[Any]:
    """Return the class that a place names.

    Args:
        place: `module:Class`; the module is found as Python finds any other, the working folder included.

    Raises:
        ConfigurationError: Another form, a module that is not found, or a class without `predict`.
        UnknownNameError: The module holds no such class.
    """
    module_name, _, class_name = place.partition(":")
    if not module_name or not class_name:
        raise ConfigurationError(f"Agent {place!r} must be a module and a class, such as 'my_module:MyAgent'.")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Agent {place!r}: there is no module {error.name!r}. Run the command in the folder that holds it, or put "
            "that folder into PYTHONPATH; if it is a library, install it."
        ) from error
    classes = {name: value for name, value in vars(module).items() if inspect.isclass(value)}
    if class_name not in classes:
        raise unknown_name(f"class in {module_name!r}", class_name, classes)
    if not callable(getattr(classes[class_name], "predict", None)):
        raise ConfigurationError(
            f"Agent {place!r} has no predict(observation, state, episode_start, deterministic); that is all it needs. "
            "docs/tutorials/your_own_agent.md has an example."
        )
    return classes[class_name]


def timesteps_of(agent: type[Any]) -> int:
    """Return how many steps a class asks to learn from; 0 where it does not learn."""
    return int(getattr(agent, "total_timesteps", DEFAULT_TIMESTEPS)) if hasattr(agent, "learn") else 0


def takes_seed(agent: type[Any]) -> bool:
    """Return whether a class can be told a seed."""
    return bool({"seed", "kwargs"} & set(inspect.signature(agent).parameters))


def build(agent: type[Any], env: Any, *, seed: int, settings: Mapping[str, Any]) -> Any:
    """Return an agent of a class, on the environment that it learns in."""
    return agent(env, **({"seed": seed} if takes_seed(agent) else {}), **settings)


def teach(agent: Any, total_timesteps: int, progress: Progress) -> None:
    """Let an agent learn if it can; one that does not take `progress` is not asked to report any."""
    if hasattr(agent, "learn"):
        takes_progress = "progress" in inspect.signature(agent.learn).parameters
        agent.learn(total_timesteps, **({"progress": progress} if takes_progress else {}))
