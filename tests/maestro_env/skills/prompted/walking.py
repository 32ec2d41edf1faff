"""A scripted expert and scripted services: who is asked what, step by step, when a skill is walked with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from maestro_env.skills.prompted.base import EXPERT, Completion, Prompt
from maestro_env.skills.prompted.workflows import prompted_function
from maestro_env.types import WHOLE, Context, Expert, Model, Reply, Skill, Status, Task

BOX = '{"box": [10, 20, 60, 80]}'
BOXES = '[{"label": "red cup", "box": [5, 5, 40, 40]}, {"label": "blue cup", "box": [50, 50, 90, 95]}]'
EVIDENCE = {"caption": "a drawing of a kite", "ocr": "AB = 42 cm", "detection": BOXES, "zoom": BOX}
"""What each service says by default."""

SHOWN = {
    "caption": "a drawing of a kite",
    "ocr": "AB = 42 cm",
    "detection": "1. red cup [5, 5, 40, 40]; 2. blue cup [50, 50, 90, 95]",
    "zoom": "pixels 10 to 60 across and 20 to 80 down",
}
"""What a prompt has to say of it."""

WORK = "work"


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What happened."""

    steps: list[list[str]]
    """Who was asked at the same time: `expert`, `work`, or the name of a service."""
    prompts: list[Prompt]
    """To the expert."""
    asked: dict[str, list[Prompt]]
    """To each service."""
    reply: Reply


def walk(
    skill: str,
    *said: str,
    question: str = "How long is AB?",
    evidence: Mapping[str, str | Status] = EVIDENCE,
    work: Callable[[], str] | Sequence[str] = (),
    num_pictures: int = 1,
    context: Context | None = None,
) -> Walk:
    """Walk a skill.

    Args:
        skill: Its tier-1 name.
        said: What the expert says, in order; every prompt takes one.
        question: The task's.
        evidence: What each service says, or how it fails.
        work: Outcomes of what is done on this machine, in order.
        num_pictures: Each 100 x 100 pixels.
        context: Of the call; the whole picture if None.
    """
    images = tuple(Image.new("RGB", (100, 100), (i, i, i)) for i in range(num_pictures))
    task = Task(
        id="t", benchmark="b", split="test", question=question, images=tuple("ab"[:num_pictures]), gold="g",
        choices=("7", "42"),
    )  # fmt: skip
    expert = Expert(model=Model(name="m", description=""), skill=Skill(name=skill, description=""))
    run = prompted_function(skill)(task, context or Context(id=WHOLE), images, expert)
    told, outcomes = iter(said), iter(work if not callable(work) else ())
    steps: list[list[str]] = []
    prompts: list[Prompt] = []
    asked: dict[str, list[Prompt]] = {}
    requests = next(run)
    while True:
        steps.append([])
        completions: list[Completion] = []
        for request in requests:
            if not isinstance(request, Prompt):
                steps[-1].append(WORK)
                completions.append(Completion(text=request.run() if callable(work) else next(outcomes)))
            elif request.to == EXPERT:
                steps[-1].append("expert")
                prompts.append(request)
                completions.append(Completion(text=next(told)))
            else:
                steps[-1].append(request.to)
                asked.setdefault(request.to, []).append(request)
                answer = evidence[request.to]
                failed = isinstance(answer, Status)
                completions.append(
                    Completion(text="" if failed else answer, status=answer if failed else Status.OK)  # type: ignore[arg-type]
                )
        try:
            requests = run.send(tuple(completions))
        except StopIteration as end:
            assert next(told, None) is None, "the expert had more to say"
            return Walk(steps=steps, prompts=prompts, asked=asked, reply=end.value)
