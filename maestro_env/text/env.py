"""`MaestroText-v0`: the decision problem of `Maestro-v0` in text, for policies that write what they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from maestro_env import arguments, scoring
from maestro_env.backends.base import Backend
from maestro_env.dynamics import Settlement
from maestro_env.env import NO_EXPERT, MaestroEnv, Observation
from maestro_env.errors import ActionError, ConfigurationError, UnknownNameError, unknown_name
from maestro_env.recordings.recording import Recording
from maestro_env.registry import STOP, Registry
from maestro_env.rewards import EpisodeResult, RewardFn
from maestro_env.text import transcript
from maestro_env.text.episode import Episode, TextSnapshot
from maestro_env.text.escaping import unescape
from maestro_env.text.grammar import FORMAT_FAULTS, Answer, Fault, FaultKind, Move, Search, parse
from maestro_env.text.infos import with_text
from maestro_env.text.moment import Moment, moment_of
from maestro_env.text.names import ExpertNames
from maestro_env.text.notices import fault_notice, reply_notice
from maestro_env.text.prompt import check_length, system_prompt, user_prompt
from maestro_env.text.rules import TextRules
from maestro_env.text.space import UnicodeText
from maestro_env.text.transcript import Role, Turn
from maestro_env.text.view import View, in_words, place
from maestro_env.types import Outcome, Status

_NOTICE_CHARS = 1_000
"""Room for what a notice says besides the reply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Advance:
    """What a move of the policy led to."""

    info: dict[str, Any]
    """Of the base."""
    episode: Episode
    """Without this turn's words."""
    said: Turn | None
    """What the environment says to it; None to an answer."""
    settlement: Settlement | None
    """None if the episode goes on."""


class MaestroTextEnv(gym.Env[str, str]):
    """Which frozen expert to ask next about a question with a picture, and what to answer, in words.

    The rules are those of `MaestroEnv`. The policy writes `<search> Model@@Skill: query </search>` or
    `<answer> text </answer>`, each after an optional `<think> thought </think>`; see `text/grammar.py`.

    Observation: the text to append to what was said so far. After a reset it is the prompt; after a call the reply in
        an `<information>` block, with the tags in it escaped; after a fault what was wrong, in the same way; after an
        answer nothing. The environment only appends: what the policy wrote is never changed, cut or left out.

    Action: what the policy wrote in its turn, whatever that is. It is recorded with its query. Experts are asked the
        task's own question; with `queries="asked"`, which takes a live backend, they are asked the query instead.

    Reward: 0 until the end. Then the score of the answer less `cost_weight` x the cost spent (or what `reward_fn`
        returns), less `format_penalty` if there was a format fault.

    End: an answer; or, with `on_fault="end"`, a format fault. After `max_turns` turns without an answer only an answer
        is legal, and anything else ends the episode as a fault. `terminated` is True, but for two cases, in which
        experts failed: with `answer_source="rule"` no reply held an answer and a call had failed; with
        `on_failure="truncate"` a call failed. Those end with `truncated=True` and reward 0.

    Info: what `MaestroEnv` says, where `outcome` is `unanswered` after a fault, and the same keys besides in every
        reset and step: `move` (`search`, `answer`, `fault`; empty after a reset), `query`, `fault` (its kind; empty
        if there is none), `faults` (how many of each kind), `num_format_faults`, `calls_left`, `num_calls`,
        `num_failures`, `outcome_reward` and `format_reward` (0 until the end, where the reward is their sum), `view`
        (a `View`: what there is to see now; `load()` gives the pictures).

    Example:
        >>> import gymnasium as gym
        >>> import maestro_env
        >>> env = gym.make("MaestroText-v0", split="val", images=False)
        >>> prompt, info = env.reset(seed=0)
        >>> reply, *_ = env.step("<search> generalist@@Direct: what does it show? </search>")
        >>> "generalist@@Direct replies:" in reply
        True
        >>> _, reward, terminated, _, info = env.step("<answer> 7 </answer>")
        >>> terminated, info["outcome"] in ("correct", "wrong")
        (True, True)

    Args:
        recording: See `MaestroEnv`, as for `split`, `benchmarks`, `tasks`, `cost_weight` and `render_mode`.
        registry: As there; its names must be such that they can be written and kept apart.
        split: `train`, `val` or `test`.
        benchmarks: Whose tasks are drawn.
        backend: Who answers calls.
        max_turns: Calls, at least 1; the answer comes on top.
        cost_weight: Price of a unit of cost.
        answer_rule: What settles the answer with `answer_source="rule"`.
        reward_fn: Replaces the reward, but for `format_penalty`.
        prompt: See `TextRules`, as for all that follow.
        images: Whether the text holds `<image>`s, and `messages()` pictures.
        show_benchmark: Whether the prompt names the benchmark.
        answer_source: `policy` or `rule`.
        require_call: Whether an answer without any call earns nothing.
        on_fault: `end` or `continue`.
        on_failure: `show` or `truncate`.
        queries: `noted` or `asked`.
        format_penalty: At least 0.
        max_prompt_chars: A longer prompt is an error.
        max_generation_chars: A longer turn is a fault.
        max_reply_chars: The rest of a longer reply is not shown.
        render_mode: None or `ansi`, the whole transcript.

    Raises:
        UnknownNameError: No such argument, or no such choice of one.
        ProtocolError: The registry's names cannot be written or collide.
        RegistryError: The registry names an expert that was not recorded.
        ConfigurationError: Any other argument that has no meaning.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's

    def __init__(
        self,
        *,
        recording: str | Path | Recording = "embedded",
        registry: str | Path | Registry | None = arguments.DEFAULT_REGISTRY,
        split: str = "train",
        benchmarks: Sequence[str] | None = None,
        backend: str | Backend = "recorded",
        tasks: str | Path | None = None,
        max_turns: int = 4,
        cost_weight: float = 0.0,
        answer_rule: str = "vote",
        reward_fn: RewardFn | None = None,
        prompt: str = "full",
        images: bool = True,
        show_benchmark: bool = False,
        answer_source: str = "policy",
        require_call: bool = False,
        on_fault: str = "end",
        on_failure: str = "show",
        queries: str = "noted",
        format_penalty: float = 1.0,
        max_prompt_chars: int = 32_768,
        max_generation_chars: int = 32_768,
        max_reply_chars: int = 1_000,
        render_mode: str | None = None,
        **unknown: object,
    ) -> None:
        arguments.refuse_unknown(unknown, type(self).__init__)
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown_name("render mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.rules = TextRules(
            prompt=prompt,
            images=images,
            show_benchmark=show_benchmark,
            answer_source=answer_source,
            require_call=require_call,
            on_fault=on_fault,
            on_failure=on_failure,
            queries=queries,
            format_penalty=format_penalty,
            max_turns=max_turns,
            max_prompt_chars=max_prompt_chars,
            max_generation_chars=max_generation_chars,
            max_reply_chars=max_reply_chars,
        )
        self.reward_fn = arguments.to_reward_fn(reward_fn, cost_weight=cost_weight)
        # One turn more than there are calls: the answer has a turn of its own. Its reward is the score of the answer
        # that the rule settles; ours is worked out here.
        self.base = MaestroEnv(
            recording=recording,
            registry=registry,
            split=split,
            benchmarks=benchmarks,
            backend=backend,
            tasks=tasks,
            max_turns=max_turns + 1,
            answer_rule=answer_rule,
        )
        if queries == "asked" and not self.base.is_live:
            raise ConfigurationError(
                "queries='asked' needs experts that can be asked: give backend='openai', 'local' or an object that "
                "answers. A recording holds replies to the tasks' own questions alone."
            )
        self.close = self.base.close  # a backend's connections are the base's
        self._names = ExpertNames(self.base.registry)
        self._system = system_prompt(
            self.base.registry,
            self.rules,
            answer_rule=self.base.rules.answer_rule,
            cost_weight=cost_weight if reward_fn is None else None,
            cost_unit=self.base.recording.cost_unit,
        )
        self._episode: Episode | None = None
        self.action_space = UnicodeText(max_generation_chars)
        self.observation_space = UnicodeText(max(max_prompt_chars, 2 * max_reply_chars + _NOTICE_CHARS))

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The tasks that are drawn, for `reset(options={"task": id})`."""
        return self.base.task_ids

    @property
    def registry(self) -> Registry:
        """The experts that can be called."""
        return self.base.registry

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said in this episode, by whom, word for word."""
        return () if self._episode is None else self._episode.turns

    def messages(self) -> list[dict[str, Any]]:
        """Return what was said in this episode as a chat, with the pictures; see `text/transcript.py`.

        Raises:
            TaskError: A picture cannot be drawn or read.
        """
        return transcript.as_messages(self.turns)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Start an episode; the arguments are those of `MaestroEnv.reset`.

        Raises:
            UnknownNameError: An unknown option, or a task that is not one of `task_ids`.
            ProtocolError: The prompt is longer than `max_prompt_chars`.
        """
        super().reset(seed=None if seed is None else int(seed))
        self._episode = None
        observation, info = self.base.reset(seed=seed, options=options)
        here = moment_of(self.base)
        shown = self._shown(here.view)
        question = user_prompt(
            here.task,
            self.rules,
            view_in_words=self._in_words(here.view, observation),
            num_images=shown.num_images if shown else 0,
        )
        turns = (
            Turn(role=Role.SYSTEM, text=f"{self._system}\n\n"),
            Turn(role=Role.USER, text=f"{question}\n", view=shown),
        )
        prompt = transcript.as_text(turns)
        check_length(prompt, self.rules, task_id=here.task.id)
        self._episode = Episode(turns=turns, calls_left=self.rules.max_turns)
        return prompt, with_text(info, self._episode, here)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take what the policy wrote in its turn.

        Raises:
            ActionError: It is no text; or the episode has not begun or has ended.
        """
        if not isinstance(action, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ActionError(f"Action {action!r} is no text; expected what the policy wrote in its turn.")
        before = self._episode
        if before is None or before.ended:
            raise ActionError("No episode is running: it has not begun or has ended. Call reset() before step().")
        here = moment_of(self.base)
        move = self._read(action, before, here)
        if isinstance(move, Answer):
            after = self._answer(move, before, here)
        elif isinstance(move, Search):
            after = self._call(move, before, here)
        else:
            after = self._refuse(move, before)
        said = () if after.said is None else (after.said,)
        ended = after.settlement is not None
        self._episode = after.episode.with_turns(Turn(role=Role.ASSISTANT, text=action), *said, ended=ended)
        here = moment_of(self.base)
        info = with_text(after.info, self._episode, here, move)
        reward = 0.0 if after.settlement is None else self._end(info, after.settlement, here)
        failed = info["outcome"] == Outcome.EXPERT_ERROR
        return transcript.as_text(said), reward, ended and not failed, failed, info

    def render(self) -> str | None:  # type: ignore[override]
        """Return all that was said in this episode, with the policy's turns as they were written."""
        if self.render_mode is None:
            gym.logger.warn("render() was called, but no render mode was given; try render_mode='ansi'.")
            return None
        if self._episode is None:
            raise ActionError("No episode has begun, so there is nothing to show. Call reset() before render().")
        return transcript.as_text(self._episode.turns)

    def get_state(self) -> TextSnapshot:
        """Return this moment, to come back to it or to branch from it."""
        return TextSnapshot(base=self.base.get_state(), episode=self._episode)

    def set_state(self, snapshot: TextSnapshot) -> None:
        """Go back to a moment, the generator that draws tasks included.

        Raises:
            ConfigurationError: The snapshot is of another recording or registry, or of another kind of backend.
        """
        self.base.set_state(snapshot.base)
        self._episode = snapshot.episode

    def _read(self, generation: str, episode: Episode, here: Moment) -> Move:
        """Return the move that a generation makes, here and now."""
        move = parse(generation, max_chars=self.rules.max_generation_chars)
        if not isinstance(move, Search):
            return move
        if episode.calls_left == 0:
            return Fault(kind=FaultKind.NO_CALL_LEFT, message="no call is left; only <answer> is legal now.")
        try:
            action = self._names.action_of(move)
        except UnknownNameError as error:
            return Fault(kind=FaultKind.UNKNOWN_EXPERT, message=str(error))
        if not self.base.action_masks()[action]:
            why = "was already called in this view" if action in here.called_here else "cannot be called in this view"
            return Fault(kind=FaultKind.MASKED_EXPERT, message=f"{move.expert} {why}; choose another, or answer.")
        return move

    def _answer(self, answer: Answer, before: Episode, here: Moment) -> _Advance:
        _, score, _, _, info = self.base.step(STOP)
        if self.rules.answer_source == "rule":
            settlement = Settlement(outcome=Outcome(info["outcome"]), answer=info["answer"], score=score)
        else:
            # Whoever copies a choice or a reply that was escaped means what stood there before.
            words = unescape(answer.text)
            score = scoring.score(here.task, words)
            outcome = Outcome.CORRECT if score == 1.0 else Outcome.WRONG
            settlement = Settlement(outcome=outcome, answer=words, score=score)
        return _Advance(info=info, episode=before, said=None, settlement=settlement)

    def _call(self, search: Search, before: Episode, here: Moment) -> _Advance:
        action = self._names.action_of(search)
        if self.rules.queries == "asked":
            self.base.prepare(action, question=unescape(search.query))
        observation, _, _, _, info = self.base.step(action)
        failed = info["status"] != Status.OK
        broken = failed and self.rules.on_failure == "truncate"
        episode = before.with_call(failed=failed)
        there = moment_of(self.base)
        moved = there.view != here.view
        shown = self._shown(there.view) if moved else None
        text = reply_notice(
            expert=search.expert,
            reply=info["reply"],
            status=info["status"],
            confidence=there.confidence,
            moved_to=self._in_words(there.view, observation) if moved else "",
            evidence=there.view.context.text if moved else "",
            num_images=shown.num_images if shown else 0,
            left=None if broken else episode.calls_left,
            rules=self.rules,
        )
        return _Advance(
            info=info,
            episode=episode,
            said=Turn(role=Role.USER, text=text, view=shown),
            settlement=Settlement(outcome=Outcome.EXPERT_ERROR, answer="", score=0.0) if broken else None,
        )

    def _refuse(self, fault: Fault, before: Episode) -> _Advance:
        ends = fault.kind in FORMAT_FAULTS and (self.rules.on_fault == "end" or before.calls_left == 0)
        *_, info = self.base.step(STOP if ends else NO_EXPERT)
        episode = before.with_fault(fault.kind)
        text = fault_notice(fault, left=None if ends else episode.calls_left, rules=self.rules)
        return _Advance(
            info=info,
            episode=episode,
            said=Turn(role=Role.USER, text=text),
            settlement=Settlement(outcome=Outcome.UNANSWERED, answer="", score=0.0) if ends else None,
        )

    def _end(self, info: dict[str, Any], settlement: Settlement, here: Moment) -> float:
        """Add how the episode came out to its last info, and return its reward."""
        info["outcome"], info["answer"], info["gold"] = settlement.outcome.value, settlement.answer, here.task.gold
        if settlement.outcome is Outcome.EXPERT_ERROR:
            return 0.0
        unearned = self.rules.require_call and info["num_calls"] == 0
        result = EpisodeResult(
            outcome=settlement.outcome,
            score=0.0 if unearned else settlement.score,
            cost=here.cost,
            num_turns=here.num_turns,
        )
        info["outcome_reward"] = float(self.reward_fn(result))
        if info["num_format_faults"]:
            info["format_reward"] = 0.0 - self.rules.format_penalty
        return info["outcome_reward"] + info["format_reward"]

    def _shown(self, view: View) -> View | None:
        """Return a view if its pictures are part of what the environment says."""
        return view if self.rules.images and view.num_images else None

    def _in_words(self, view: View, observation: Observation) -> str:
        """Return a view in words: where it is, and to a policy without eyes also what `Maestro-v0` observes of it."""
        return place(view.context) if self.rules.images else in_words(view, observation["view"], self.base.recording)
