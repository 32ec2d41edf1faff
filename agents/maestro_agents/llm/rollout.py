"""Episodes of `MaestroText-v0` played by a generation backend, kept token by token. Many are played side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from maestro_agents.llm.generation import Finish, Generator, Request, Sampling, Tokeniser, Written
from maestro_agents.llm.layout import Layout
from maestro_env.errors import ConfigurationError
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.episode import TextSnapshot
from maestro_env.text.transcript import Turn
from maestro_env.text.view import View
from maestro_env.types import Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """One finished episode. Its tokens are `prompt_ids + completion_ids`, in the order they were said."""

    task_id: str
    benchmark: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    """What the policy wrote and, in between, what the environment said."""
    policy_mask: tuple[bool, ...]
    """True where the policy wrote the token of `completion_ids`; only those are trained on."""
    logprobs: tuple[float, ...]
    """Of each token of `completion_ids` when it was drawn; 0 for the environment's."""
    reward: float
    """`outcome_reward + format_reward`."""
    outcome_reward: float
    format_reward: float
    outcome: Outcome
    answer: str
    gold: str
    experts: tuple[str, ...]
    """Ids of the experts called, in order."""
    faults: tuple[str, ...]
    """Kinds of the faults made, in order."""
    num_format_faults: int
    num_turns: int
    """Written by the policy."""
    num_cut: int
    """Turns that ended for want of room."""
    cost: float
    """In passes."""
    generation_s: float
    """Wall-clock time of the batches that wrote its turns, divided evenly among those in the batch."""
    turns: tuple[Turn, ...]
    """What was said, as text."""
    views: tuple[View, ...] = ()
    """Whose pictures the prompt showed, in the order of their placeholders in `prompt_ids`."""

    @property
    def num_policy_tokens(self) -> int:
        """How many tokens the policy wrote."""
        return sum(self.policy_mask)

    @property
    def well_formed(self) -> bool:
        """Whether it holds no format fault."""
        return self.num_format_faults == 0

    @property
    def correct(self) -> bool:
        """Whether the final answer was right."""
        return self.outcome is Outcome.CORRECT


@dataclass(kw_only=True, slots=True)
class Playing:
    """An episode being played."""

    snapshot: TextSnapshot
    prompt_ids: list[int]
    seed: tuple[int, ...]
    views: tuple[View, ...] = ()
    completion_ids: list[int] = field(default_factory=list[int])
    policy_mask: list[bool] = field(default_factory=list[bool])
    logprobs: list[float] = field(default_factory=list[float])
    experts: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])
    num_turns: int = 0
    num_cut: int = 0
    cost: float = 0.0
    generation_s: float = 0.0

    def request(self) -> Request:
        return Request(
            token_ids=(*self.prompt_ids, *self.completion_ids),
            seed=(*self.seed, self.num_turns),
            views=self.views,
        )

    def say(self, token_ids: Sequence[int], logprobs: Sequence[float] | None = None) -> None:
        """Append tokens: the policy's, which have log-probabilities, or the environment's."""
        if logprobs is not None and len(logprobs) != len(token_ids):
            raise ConfigurationError(
                f"A backend gave {len(logprobs)} log-probabilities for {len(token_ids)} tokens; expected one for each."
            )
        self.completion_ids += token_ids
        self.policy_mask += [logprobs is not None] * len(token_ids)
        self.logprobs += [0.0] * len(token_ids) if logprobs is None else logprobs


def play(
    env: MaestroTextEnv,
    generator: Generator,
    task_ids: Sequence[str],
    *,
    sampling: Sampling,
    layout: Layout,
    seed: tuple[int, ...] = (0,),
    batch_size: int = 128,
    progress: Callable[[float], None] | None = None,
) -> list[Rollout]:
    """Play one episode of each task, in order; a task that is named twice is played twice, differently.

    Args:
        env: Its rules hold. It is left in the last episode that was played.
        generator: The policy.
        task_ids: Of the environment's tasks.
        sampling: How turns are drawn.
        layout: How what is said becomes tokens.
        seed: The same seed and the same tasks give the same episodes.
        batch_size: How many are played side by side.
        progress: Is told the share of the episodes that is played.

    Raises:
        ConfigurationError: A prompt that fills the model's context window.
        UnknownNameError: A task that the environment does not hold.
    """
    rollouts: list[Rollout] = []
    for first in range(0, len(task_ids), batch_size):
        batch = task_ids[first : first + batch_size]
        seeds = [(*seed, first + place) for place in range(len(batch))]
        rollouts += _play_batch(env, generator, batch, seeds, sampling=sampling, layout=layout)
        if progress is not None:
            progress(len(rollouts) / len(task_ids))
    return rollouts


def _play_batch(
    env: MaestroTextEnv,
    generator: Generator,
    task_ids: Sequence[str],
    seeds: Sequence[tuple[int, ...]],
    *,
    sampling: Sampling,
    layout: Layout,
) -> list[Rollout]:
    running: dict[int, Playing] = {}
    for place, (task_id, seed) in enumerate(zip(task_ids, seeds, strict=True)):
        running[place] = begin(env, task_id, layout=layout, tokeniser=generator.tokeniser, seed=seed)
    finished: dict[int, Rollout] = {}
    while running:
        began = perf_counter()
        writable = {
            place: episode.request()
            for place, episode in running.items()
            if episode.num_turns == 0 or len(episode.request().token_ids) < generator.context_length
        }
        turns = dict(zip(writable, generator.write(list(writable.values()), sampling), strict=True))
        spent_s = (perf_counter() - began) / max(len(turns), 1)
        for place, episode in list(running.items()):
            # An episode that has filled the window has nothing to say: an empty turn, which is a format fault.
            written = turns.get(place, Written(token_ids=(), logprobs=(), finish=Finish.LENGTH))
            episode.generation_s += spent_s
            done = take_turn(env, episode, written, layout=layout, tokeniser=generator.tokeniser)
            if done is not None:
                finished[place] = done
                del running[place]
    return [finished[place] for place in range(len(task_ids))]


def begin(
    env: MaestroTextEnv, task_id: str, *, layout: Layout, tokeniser: Tokeniser, seed: tuple[int, ...] = (0,)
) -> Playing:
    """Return an episode of a task at its start.

    Raises:
        UnknownNameError: A task that the environment does not hold.
        ConfigurationError: It has pictures, and the model cannot be shown any.
    """
    env.reset(options={"task": task_id})
    return Playing(
        snapshot=env.get_state(),
        prompt_ids=layout.opening(env.turns, tokeniser),
        seed=seed,
        views=layout.shown(env.turns),
    )


def take_turn(
    env: MaestroTextEnv, episode: Playing, written: Written, *, layout: Layout, tokeniser: Tokeniser
) -> Rollout | None:
    """Take one turn in one episode, and return the episode if that ended it."""
    env.set_state(episode.snapshot)
    ended_itself = bool(written.token_ids) and written.token_ids[-1] == tokeniser.end_id
    words = layout.opened + tokeniser.decode(written.token_ids[:-1] if ended_itself else written.token_ids)
    episode.say(written.token_ids, written.logprobs)
    said, reward, terminated, truncated, info = env.step(words)
    episode.num_turns += 1
    episode.num_cut += written.finish is Finish.LENGTH
    episode.cost += info["passes"]
    if info["expert"]:
        episode.experts.append(info["expert"])
    if info["fault"]:
        episode.faults.append(info["fault"])
    if not (terminated or truncated):
        episode.say(layout.reply(said, tokeniser, ended_itself=ended_itself))
        episode.snapshot = env.get_state()
        return None
    return Rollout(
        task_id=info["task_id"],
        benchmark=info["benchmark"],
        prompt_ids=tuple(episode.prompt_ids),
        completion_ids=tuple(episode.completion_ids),
        policy_mask=tuple(episode.policy_mask),
        logprobs=tuple(episode.logprobs),
        reward=float(reward),
        outcome_reward=info["outcome_reward"],
        format_reward=info["format_reward"],
        outcome=Outcome(info["outcome"]),
        answer=info["answer"],
        gold=info["gold"],
        experts=tuple(episode.experts),
        faults=tuple(episode.faults),
        num_format_faults=info["num_format_faults"],
        num_turns=episode.num_turns,
        num_cut=episode.num_cut,
        cost=episode.cost,
        generation_s=episode.generation_s,
        turns=env.turns,
        views=episode.views,
    )
