"""`Chart_Problem_Solver`: finds out which kind of chart it is, then reads it by the rules for that kind."""

import re

from PIL import Image

from maestro_env.skills.prompted.answers import ANSWER_FORM, without_thinking
from maestro_env.skills.prompted.base import Prompt, PromptedRun
from maestro_env.skills.prompted.direct import question_of, reply_of, shown
from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import with_words
from maestro_env.skills.prompted.gathering import Wants, gather
from maestro_env.types import Context, Expert, Task

WANTS = Wants(kinds=(Kind.OCR,))

PIE_CHART, LINE_CHART, BAR_CHART, OTHER_CHART = TIER2 = ("Pie_Chart", "Line_Chart", "Bar_Chart", "Other_Chart")

CLASSIFY = "Which kind of chart is this? Reply with one word: bar, line, pie or other."
GENERAL_RULES = (
    "Read the title, the axes with their units and the legend first. Take numbers that are printed as they are "
    "printed; estimate the others from the scale. Do the arithmetic in writing. Answer with the number or the words "
    "alone, in the unit and form that the chart uses."
)
RULES = {
    PIE_CHART: "Match each slice with its label by colour and place. All slices make the whole: check that shares sum "
    "to it, and do not take a share for an amount.",
    LINE_CHART: "Follow the line that is asked about by its colour or mark. Read a point by going straight down to one "
    "axis and straight across to the other; watch where lines cross, rise, fall or turn.",
    BAR_CHART: "Read a bar at its end, against the scale; note whether the scale starts at zero. In groups and stacks, "
    "find the part by the legend, and take a stacked part for its own length.",
    OTHER_CHART: "",
}


def chart(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Classify, then answer: two prompts to the model."""
    del expert
    gathered = yield from gather(shown(images, context), task.question, WANTS)
    (classified,) = yield (Prompt(text=with_words(gathered.words, CLASSIFY), images=gathered.images),)
    kind = kind_of(classified.text)
    text = with_words(gathered.words, f"Question: {question_of(task)}", GENERAL_RULES, RULES[kind], ANSWER_FORM)
    (answered,) = yield (Prompt(text=text, images=gathered.images),)
    return reply_of(answered.text, context=context, tier2=kind)


def kind_of(text: str) -> str:
    """Return the tier-2 skill for what a model calls a chart; of several whole words, pie comes before line and bar."""
    said = without_thinking(text)
    for word, kind in (("pie", PIE_CHART), ("line", LINE_CHART), ("bar", BAR_CHART)):
        if re.search(rf"(?<!\w){word}s?(?!\w)", said, re.IGNORECASE):
            return kind
    return OTHER_CHART
