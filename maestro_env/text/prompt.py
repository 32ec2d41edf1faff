"""What the environment says before the policy's first turn: how to play, who can be called, and the question."""

from collections.abc import Iterator

from maestro_env.errors import ProtocolError
from maestro_env.registry import Registry
from maestro_env.text.escaping import escape
from maestro_env.text.names import written
from maestro_env.text.rules import TextRules
from maestro_env.text.transcript import IMAGE
from maestro_env.types import AnswerRule, Expert, Model, Task

_RULE_IN_WORDS = {
    AnswerRule.VOTE: "the most frequent of the experts' answers",
    AnswerRule.CONFIDENCE: "the most confident of the experts' answers",
    AnswerRule.LAST: "the latest of the experts' answers",
}
_WHAT_EXPERTS_ARE_ASKED = {
    "noted": "Experts are asked the question below about the current view; a query is noted, and does not reach them.",
    "asked": "An expert is asked your query about the current view, and sees nothing else of the task: say all in it.",
}
"""By what becomes of queries."""


def system_prompt(
    registry: Registry, rules: TextRules, *, answer_rule: AnswerRule, cost_weight: float | None, cost_unit: str
) -> str:
    """Return how to play, and which experts there are.

    Args:
        registry: The experts.
        rules: What the protocol allows.
        answer_rule: What settles the answer where the policy's own words do not.
        cost_weight: What a unit of cost takes off the reward; None if that cannot be said.
        cost_unit: `passes` or `usd`.
    """
    priced = cost_unit if cost_weight else ""
    listing = _full(registry, priced) if rules.prompt == "full" else _compact(registry, priced)
    play = _how_to_play(rules, answer_rule=answer_rule, cost_weight=cost_weight, cost_unit=cost_unit)
    return "\n".join([*play, "", *listing])


def user_prompt(task: Task, rules: TextRules, *, view_in_words: str, num_images: int) -> str:
    """Return the question: pictures first, then the words, the choices, the view and the calls that may be made."""
    lines = [IMAGE] * num_images
    if rules.show_benchmark:
        lines.append(f"Benchmark: {escape(task.benchmark)}")
    lines.append(f"Question: {escape(task.question)}")
    if task.choices:
        lines.append(f"Choices: {escape(', '.join(task.choices))}")
    return "\n".join([*lines, f"View: {view_in_words}.", calls_left(rules.max_turns)])


def check_length(prompt: str, rules: TextRules, *, task_id: str) -> None:
    """Raise if a prompt is longer than is allowed.

    Raises:
        ProtocolError: It is; the message says by how much, and what to do.
    """
    if len(prompt) > rules.max_prompt_chars:
        shorter = "give prompt='compact', " if rules.prompt == "full" else ""
        raise ProtocolError(
            f"The prompt of task {task_id!r} has {len(prompt)} characters, and max_prompt_chars is "
            f"{rules.max_prompt_chars}: {shorter}name fewer experts, or raise the limit. Nothing is cut off unseen."
        )


def calls_left(number: int) -> str:
    """Return how many calls may still be made, as a sentence."""
    if number == 0:
        return "No call is left: answer now."
    return f"{number} call{'' if number == 1 else 's'} left."


def _how_to_play(
    rules: TextRules, *, answer_rule: AnswerRule, cost_weight: float | None, cost_unit: str
) -> Iterator[str]:
    yield "You settle a question about a picture. Frozen experts can help: each is a model that works through a skill."
    yield "In every turn write one of these two, and nothing after it:"
    yield "<search> Model@@Skill: query </search> to call an expert"
    yield "<answer> text </answer> to give the final answer, which ends the task"
    yield ""
    yield "- Before it you may think, once, in <think> </think>. Write nothing outside tags, and no tag inside another."
    yield "- The expert's reply comes back in <information> </information>, which only the environment writes."
    yield f"- {_WHAT_EXPERTS_ARE_ASKED[rules.queries]}"
    yield "- Names must be written exactly as listed. An expert can be called once in each view."
    yield "- An expert that locates something moves the view, for every later call."
    calls = "one call" if rules.max_turns == 1 else f"{rules.max_turns} calls"
    yield f"- At most {calls}, those lost to mistakes included; then you have to answer."
    if rules.require_call:
        yield "- Call at least one expert: an answer without a call earns nothing."
    else:
        yield "- You may answer without a call."
    if rules.answer_source == "rule":
        yield f"- What counts as your answer is {_RULE_IN_WORDS[answer_rule]}; your own words only end the task."
    else:
        yield "- What you write as answer is compared with the right one as it stands; if there are choices, copy one."
    if not rules.images:
        yield "- A view is told by its place and its strongest features, v0 and up; what they mean can only be learnt."
    if cost_weight:
        yield f"- Calls are not free: each {_unit(cost_unit)} of cost takes {cost_weight:g} off a reward of 1."
    elif cost_weight is not None:
        yield "- What calls cost does not count."


def _compact(registry: Registry, priced: str) -> Iterator[str]:
    yield "Experts, each model with its skills:"
    for model in registry.models:
        skills = [expert.skill.name for expert in _experts_of(registry, model)]
        yield f"{escape(model.name)}: {', '.join(map(escape, skills))}{_price(model, priced)}"


def _full(registry: Registry, priced: str) -> Iterator[str]:
    yield "Experts:"
    for model in registry.models:
        yield f"{escape(model.name)}: {escape(model.description)}{_price(model, priced)}"
        for expert in _experts_of(registry, model):
            yield f"  {escape(written(expert))}"
    yield ""
    yield "Skills:"
    for skill in registry.skills:
        tier2 = f" Chooses among: {', '.join(map(escape, skill.tier2))}." if skill.tier2 else ""
        yield f"{escape(skill.name)}: {escape(skill.description)}{tier2}"


def _experts_of(registry: Registry, model: Model) -> list[Expert]:
    return [expert for expert in registry.experts if expert.model.name == model.name]


def _price(model: Model, priced: str) -> str:
    """Return what a look of a model costs, in brackets; nothing where costs do not count."""
    if not priced:
        return ""
    if priced == "usd":
        return f" [{model.usd_per_pass * model.passes_per_look:g} US dollars a look]"
    return f" [{model.passes_per_look:g} pass{'' if model.passes_per_look == 1 else 'es'} a look]"


def _unit(cost_unit: str) -> str:
    return "US dollar" if cost_unit == "usd" else "pass"
