"""Anyone's own agent in the comparison: finding its class or what was saved, and letting it learn if it can."""

import importlib
import inspect
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from maestro_agents.agent import Progress
from maestro_env.errors import ConfigurationError, unknown_name

DEFAULT_TIMESTEPS = 100_000
"""Steps that an agent with `learn` plays where its class has no `total_timesteps`."""


def parts_of(place: str) -> tuple[str, str, str]:
    """Return module, name and what was saved, the last empty if nothing: `module:Class` or `module:Class=PATH`.

    Raises:
        ConfigurationError: Another form.
    """
    where, is_saved, saved = place.partition("=")
    module, _, name = where.partition(":")
    if not module or not name or bool(is_saved) != bool(saved):
        raise ConfigurationError(
            f"Agent {place!r} must be a module and a class, such as 'my_module:MyAgent', or what one saved, such as "
            "'stable_baselines3:PPO=my_model.zip'."
        )
    return module, name, saved


def name_of(place: str) -> str:
    """Return what an agent is called in tables: the name of the saved file, of the class or function, or of ours."""
    if ":" not in place:
        return place
    _, name, saved = parts_of(place)
    return Path(saved).stem or name


def load_maker(place: str) -> Callable[..., Any]:
    """Return the class, or the function that returns an agent, that a place names.

    Args:
        place: As of `parts_of`; the module is found as Python finds any other, the working folder included.

    Raises:
        ConfigurationError: Another form, a module that is not found, a class without `predict`, one without `load`
            where something saved is named, or a file that does not exist.
        UnknownNameError: The module holds no such class or function.
    """
    module_name, name, saved = parts_of(place)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Agent {place!r}: there is no module {error.name!r}. Run the command in the folder that holds it, or put "
            "that folder into PYTHONPATH; if it is a library, install it."
        ) from error
    makers = {key: value for key, value in vars(module).items() if inspect.isclass(value) or inspect.isfunction(value)}
    if name not in makers:
        raise unknown_name(f"class or function in {module_name!r}", name, makers)
    maker = makers[name]
    if inspect.isclass(maker) and not callable(getattr(maker, "predict", None)):
        raise _no_agent(place)
    if saved and not callable(getattr(maker, "load", None)):
        raise ConfigurationError(f"Agent {place!r}: {name} has no load(path, env), so nothing saved can be played.")
    if saved and not Path(saved).exists():
        raise ConfigurationError(f"Agent {place!r}: there is no file or folder {saved!r}.")
    return maker


def _no_agent(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"Agent {what!r} has no predict(observation, state, episode_start, deterministic); that is all it needs. "
        "docs/tutorials/your_own_agent.md has an example."
    )


def load_saved(maker: Any, saved: str, env: Any) -> Any:
    """Return what a class's `load` reads, as Stable-Baselines3's models and our agents have it.

    Raises:
        ConfigurationError: It cannot be read, or was made for another environment.
    """
    try:
        return maker.load(saved, env)
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{maker.__name__} cannot load {saved!r} for this environment: {error}") from error


def timesteps_of(maker: Callable[..., Any]) -> int:
    """Return how many steps a class asks to learn from; 0 where it does not learn, or is a function."""
    return int(getattr(maker, "total_timesteps", DEFAULT_TIMESTEPS)) if hasattr(maker, "learn") else 0


def takes_seed(maker: Callable[..., Any]) -> bool:
    """Return whether a class or function can be told a seed."""
    return bool({"seed", "kwargs"} & set(inspect.signature(maker).parameters))


def build(maker: Callable[..., Any], env: Any, *, seed: int, settings: Mapping[str, Any]) -> Any:
    """Return an agent on the environment that it learns in.

    Raises:
        ConfigurationError: What was made has no `predict`.
    """
    agent = maker(env, **({"seed": seed} if takes_seed(maker) else {}), **settings)
    if not callable(getattr(agent, "predict", None)):
        raise _no_agent(type(agent).__name__)
    return agent


def teach(agent: Any, total_timesteps: int, progress: Progress) -> None:
    """Let an agent learn; one that does not take `progress` is not asked to report any."""
    takes_progress = "progress" in inspect.signature(agent.learn).parameters
    agent.learn(total_timesteps, **({"progress": progress} if takes_progress else {}))
