"""LLMAgent: a language model in the leaderboard, where observations are arrays and hold no words.

How it gets the words: `begin_episode` shows an agent the task's id, and the environment's recording holds the question
under that id. The agent keeps a text environment over the same recording, rules and experts, and plays every episode
there as well: what it writes there is what it does here, and what it is told there is what was replayed here. It sees
the question, its choices and what its calls replied, and pictures if it is made to, as in `MaestroText-v0`; gold
answers it never sees.

What differs from `MaestroText-v0`: the final answer is the environment's rule's (a vote, say), as for every agent; the
policy's own words only end the episode. A turn that is a format fault ends it as well, with what was called so far.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Observation, State
from maestro_agents.llm.generation import Generator, Sampling
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.rollout import Playing, Rollout, begin, take_turn
from maestro_agents.recorded_tasks import terms_of
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.registry import STOP
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.grammar import Search, parse
from maestro_env.text.names import ExpertNames


@final
class LLMAgent:
    """Plays a Maestro environment by writing; the model runs in any generation backend. It does not learn here."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        generator: Generator,
        *,
        layout: Layout | None = None,
        sampling: Sampling | None = None,
        prompt: str = "compact",
        images: bool = False,
        seed: int = 0,
    ) -> None:
        """Keep the model and the environment's terms.

        Args:
            env: A Maestro environment over a recording; agents are played on others of the same recording.
            generator: The model.
            layout: How what is said becomes tokens; plain text with instructions by default.
            sampling: How turns are drawn; `deterministic` overrides its temperature with 0.
            prompt: `compact` or `full`.
            images: Whether prompts show pictures.
            seed: Of the draws.

        Raises:
            ConfigurationError: The environment plays no recording.
        """
        maestro: Any = env.unwrapped
        recording: Recording | None = getattr(maestro, "recording", None)
        if recording is None:
            raise ConfigurationError(f"{env} plays no recording, so the questions' words and replies are not at hand.")
        self.env = env
        self._generator = generator
        self._layout = Layout() if layout is None else layout
        self._sampling = Sampling(max_new_tokens=256) if sampling is None else sampling
        self._seed = seed
        self._recording = recording
        self._registry = maestro.registry
        terms = terms_of(env)
        self._rules: dict[str, Any] = {
            "prompt": prompt,
            "images": images,
            "max_turns": terms.max_turns,
            "cost_weight": terms.price,
            "answer_rule": terms.answer_rule.value,
            "answer_source": "rule",
        }
        self._names = ExpertNames(self._registry)
        self._told: dict[str, MaestroTextEnv] = {}
        self._playing: dict[int, tuple[MaestroTextEnv, Playing]] = {}
        self._num_episodes = 0
        self.finished: list[Rollout] = []
        """Every episode that was played to its end, token by token: what `scores.summary` reads."""
        self.faults: Counter[str] = Counter()

    @classmethod
    def load(cls, path: str | Path, env: gymnasium.Env[Any, Any], *, config: str | Path | None = None) -> Self:
        """Read a model that `sft` or `grpo` wrote.

        Args:
            path: Its folder, or the name of a model that ships.
            env: Where it acts.
            config: The settings that it was trained with; None takes those in its folder, or else `tiny-cpu`.

        Raises:
            ConfigurationError: No such model.
            MissingExtraError: What runs it is not installed.
        """
        from maestro_agents.llm import run  # needs the extra llm, which other generators do without
        from maestro_agents.llm.model_folders import model_folder, settings_in
        from maestro_agents.llm.pretrained import load_pretrained
        from maestro_agents.llm.transformers_generator import TransformersGenerator

        folder = model_folder(path)
        settings = settings_in(folder, config=config)
        pretrained = load_pretrained(folder, dtype=settings.model.dtype, device=settings.model.device)
        return cls(
            env,
            TransformersGenerator(pretrained),
            layout=run.make_layout(settings, pretrained),
            sampling=settings.sampling,
            prompt=settings.env.get("prompt", "full"),
            images=settings.env.get("images", True),
        )

    def begin_episode(self, info: Mapping[str, Any]) -> State:
        """Return the state of an episode of the task that `info` names."""
        task_id = info["task_id"]
        told = self._text_env(task_id)
        seed = (self._seed, self._num_episodes)
        episode = begin(told, task_id, layout=self._layout, tokeniser=self._generator.tokeniser, seed=seed)
        self._playing[self._num_episodes] = (told, episode)
        self._num_episodes += 1
        return (np.array([self._num_episodes - 1]),)

    def predict(
        self,
        observation: Observation,
        state: State | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,  # noqa: FBT001, FBT002  (Stable-Baselines3's signature)
    ) -> tuple[Any, State | None]:
        """Return the action, or [n] actions, that the model writes; arguments as of `Agent.predict`.

        Raises:
            ConfigurationError: The episode was not begun with `begin_episode`: arrays hold no words.
        """
        del episode_start
        if state is None:
            raise ConfigurationError(
                "LLMAgent reads the question's words, which the observation does not hold: hand what "
                "begin_episode(info) returns to the first predict, as maestro_agents.evaluate does."
            )
        sampling = self._sampling
        if deterministic:
            sampling = Sampling(max_new_tokens=sampling.max_new_tokens, temperature=0.0, stop=sampling.stop)
        numbers = [int(number) for number in state[0]]
        requests = {n: self._playing[n][1].request() for n in numbers if n in self._playing}
        turns = dict(zip(requests, self._generator.write(list(requests.values()), sampling), strict=True))
        actions = [self._act(number, turns[number]) if number in turns else STOP for number in numbers]
        batched = observation["budget"].ndim == 2
        return (np.array(actions, np.int64) if batched else np.int64(actions[0])), state

    def _act(self, number: int, written: Any) -> int:
        """Take a turn in the text environment, and return the action that does the same."""
        told, episode = self._playing[number]
        tokeniser = self._generator.tokeniser
        own = written.token_ids[:-1] if written.token_ids[-1:] == (tokeniser.end_id,) else written.token_ids
        move = parse(self._layout.opened + tokeniser.decode(own))
        done = take_turn(told, episode, written, layout=self._layout, tokeniser=tokeniser)
        if done is not None:
            self.finished.append(done)
            self.faults.update(done.faults)
            del self._playing[number]
            return STOP
        # A call that is masked here is masked there as well, and costs a turn in both.
        return self._names.action_of(move) if isinstance(move, Search) else STOP

    def _text_env(self, task_id: str) -> MaestroTextEnv:
        """Return the text environment that holds a task."""
        split = self._recording.task_splits[self._recording.index_of(task_id)]
        if split not in self._told:
            recording = self._recording
            cells = zip(recording.task_benchmarks, recording.task_splits, strict=True)
            self._told[split] = MaestroTextEnv(
                recording=recording,
                registry=self._registry,
                split=split,
                benchmarks=tuple(dict.fromkeys(name for name, own in cells if own == split)),
                **self._rules,
            )
        return self._told[split]
