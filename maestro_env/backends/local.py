"""Answers calls with networks in this process: the shipped ones need torch, which is imported when one is loaded."""

from collections import OrderedDict
from collections.abc import Callable

from PIL import Image

from maestro_env.backends.driver import Call, Network, drive
from maestro_env.encoders import ViewEncoder
from maestro_env.errors import ConfigurationError, MissingExtraError, UnknownNameError
from maestro_env.skills.workflows import skill_function
from maestro_env.tasks import load_image
from maestro_env.types import Context, Expert, Model, Reply, Task

KEPT_IMAGES = 8
"""Pictures kept at hand: an episode calls several experts on one picture, and a group of episodes shares few tasks."""


def load_shipped_network(name: str) -> Network:
    """Load a network that ships with the package, to run on one thread.

    One thread, because the last bits of a sum depend on how many threads share it.

    Raises:
        MissingExtraError: torch is not installed.
        UnknownNameError: No such network.
    """
    _prepare_torch()
    from maestro_env.experts.store import load_network

    return load_network(name)


def load_shipped_view_encoder() -> ViewEncoder:
    """Load the network that embeds views, to run on one thread.

    Raises:
        MissingExtraError: torch is not installed.
    """
    _prepare_torch()
    from maestro_env.experts.store import load_view_encoder

    return load_view_encoder()


def _prepare_torch() -> None:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            f"Running networks in this process needs torch ({error}): pip install 'maestro-env[experts]'."
        ) from error
    torch.set_num_threads(1)


class LocalBackend:
    """Runs skills around networks in this process.

    Args:
        load_network: Loads a network by the name in the catalog; each is loaded once.
        load_image: Loads a picture by its reference; the last `KEPT_IMAGES` are kept.
    """

    def __init__(
        self,
        *,
        load_network: Callable[[str], Network] = load_shipped_network,
        load_image: Callable[[str], Image.Image] = load_image,
    ) -> None:
        self._load_network = load_network
        self._load_image = load_image
        self._networks: dict[str, Network] = {}
        self._images: OrderedDict[str, Image.Image] = OrderedDict()

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        """Return what an expert replies to a task in a context.

        Raises:
            UnknownNameError: The expert's skill or network is not known here, or its model has no network.
            ConfigurationError: The task has no picture.
        """
        run = skill_function(expert.skill.name)(task, context, self._image(task), expert)
        network = self._network(expert.model)
        return drive([Call(expert=expert, run=run)], network.look)[0]

    def _network(self, model: Model) -> Network:
        if model.name not in self._networks:
            self._networks[model.name] = self._load_network(network_name(model))
        return self._networks[model.name]

    def _image(self, task: Task) -> Image.Image:
        reference = first_image(task)
        if reference not in self._images:
            self._images[reference] = self._load_image(reference)
            if len(self._images) > KEPT_IMAGES:
                self._images.popitem(last=False)
        self._images.move_to_end(reference)
        return self._images[reference]


def network_name(model: Model) -> str:
    """Return the name of the network behind a model.

    Raises:
        UnknownNameError: There is none.
    """
    if not model.network:
        raise UnknownNameError(
            f"Model {model.name!r} names no network, so it cannot run in this process; "
            "give it a `network` in the catalog, or use the backend of its endpoint."
        )
    return model.network


def first_image(task: Task) -> str:
    """Return the reference of the picture that experts look at.

    Raises:
        ConfigurationError: The task has none.
    """
    if not task.images:
        raise ConfigurationError(f"Task {task.id!r} has no picture; local experts look at a task's first picture.")
    return task.images[0]
