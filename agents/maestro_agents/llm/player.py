"""A language model as a player of the command `maestro play`; entry points in pyproject.toml name `make_player`."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from maestro_agents.llm.generation import Generator, Request, Sampling
from maestro_agents.llm.layout import Layout
from maestro_env.text.transcript import Turn
from maestro_env.text.view import View


@final
class LLMPlayer:
    """Writes an episode turn by turn. The tokens that were sampled are kept, and never encoded again."""

    def __init__(
        self,
        generator: Generator,
        *,
        layout: Layout,
        sampling: Sampling,
        env_arguments: Mapping[str, Any],
        seed: int = 0,
    ) -> None:
        """Keep the model.

        Args:
            generator: Runs it.
            layout: How what is said becomes tokens.
            sampling: How turns are drawn.
            env_arguments: Of the environment it was made for.
            seed: Of the draws; the same one writes the same episode.
        """
        self.env_arguments = env_arguments
        self._generator = generator
        self._layout = layout
        self._sampling = sampling
        self._seed = seed
        self._token_ids: list[int] = []
        self._views: tuple[View, ...] = ()
        self._num_turns = 0
        self._ended_itself = False

    def begin(self, turns: Sequence[Turn]) -> None:
        """Take in the prompt."""
        self._token_ids = self._layout.opening(turns, self._generator.tokeniser)
        self._views = self._layout.shown(turns)
        self._num_turns = 0

    def write(self) -> str:
        """Return what the model writes in its turn: nothing, a format fault, once its window is full.

        Raises:
            ConfigurationError: The prompt alone fills the window.
        """
        tokeniser = self._generator.tokeniser
        if self._num_turns and len(self._token_ids) >= self._generator.context_length:
            self._ended_itself = False
            return self._layout.opened
        request = Request(token_ids=tuple(self._token_ids), seed=(self._seed, self._num_turns), views=self._views)
        (written,) = self._generator.write([request], self._sampling)
        self._token_ids += written.token_ids
        self._num_turns += 1
        self._ended_itself = written.token_ids[-1:] == (tokeniser.end_id,)
        own = written.token_ids[:-1] if self._ended_itself else written.token_ids
        return self._layout.opened + tokeniser.decode(own)

    def hear(self, said: str) -> None:
        """Take in what the environment said to that turn."""
        self._token_ids += self._layout.reply(said, self._generator.tokeniser, ended_itself=self._ended_itself)


def make_player(asked: str) -> LLMPlayer:
    """Return a player that was trained here.

    Args:
        asked: The name of a model that ships, or a folder that `sft` or `grpo` wrote.

    Raises:
        ConfigurationError: No such model.
        MissingExtraError: What runs it is not installed.
    """
    from maestro_agents.llm import run  # needs the extra llm, which other generators do without
    from maestro_agents.llm.model_folders import model_folder, settings_in
    from maestro_agents.llm.pretrained import load_pretrained
    from maestro_agents.llm.transformers_generator import TransformersGenerator

    folder = model_folder(asked)
    settings = settings_in(folder)
    pretrained = load_pretrained(folder, dtype=settings.model.dtype, device=settings.model.device)
    return LLMPlayer(
        TransformersGenerator(pretrained),
        layout=run.make_layout(settings, pretrained),
        # What it is judged by is what is shown.
        sampling=Sampling(
            max_new_tokens=settings.sampling.max_new_tokens,
            temperature=settings.evaluation.temperature,
            stop=settings.sampling.stop,
        ),
        env_arguments=settings.env,
    )
