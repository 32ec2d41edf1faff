"""`Counting_Problem_Solver`: counts in tiles (`Tile_Sum`) or framings (`Region_Count`); asks the rest once (`Look`).

Tiles are summed by distribution, not by their most probable counts: a sum of hard counts compounds their errors.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.skills.base import Ask, Reading, SkillRun
from maestro_env.skills.crops import framings_of, grid, shown, view_of
from maestro_env.skills.direct import look_once
from maestro_env.skills.reading import best_answer, invisibility, is_visible, readings, reply_with
from maestro_env.types import Context, Expert, Task

TILE_SUM = "Tile_Sum"
REGION_COUNT = "Region_Count"
LOOK = "Look"
TIER2 = (TILE_SUM, REGION_COUNT, LOOK)

TILES_A_SIDE = 2
"""The whole picture is cut into 2 x 2 tiles: finer ones cut more things in two than they make easier to see."""

COUNT_FRAMINGS = (1.0, 1.1, 1.2)
"""Framings of a region, none tighter than the region: a tighter one would leave things out of the count."""

_ASKS_FOR_COUNT = re.compile(r"\b(how many|number of|count|counts|counted)\b", re.IGNORECASE)


def asks_for_count(question: str) -> bool:
    """Whether a question asks how many there are, decided by whole words: an "account" is not a count."""
    return _ASKS_FOR_COUNT.search(question) is not None


def counting(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Dispatch to `Look`, `Tile_Sum` or `Region_Count` by the question and the context."""
    if not asks_for_count(task.question):
        return look_once(task, context, image, expert, tier2=LOOK)
    run = tile_sum if context.box is None else region_count
    return run(task, context, image, expert)


def tile_sum(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Add up the counts of tiles, and average the sum with what a look at the whole picture says.

    The sum is a distribution, as if the tiles' counts were independent. Small things are seen better in tiles, and
    things that tiles cut in two are seen better in the whole. Where nothing that is asked about is visible in any view,
    there is no answer.
    """
    tiles = tuple(shown(image, box) for box in grid(image, TILES_A_SIDE, overlap=0.0))
    views = (*tiles, view_of(image, context))
    seen = readings((yield Ask(views=views, question=task.question)), expert)
    if not any(is_visible(reading) for reading in seen):
        most = max(best_answer(reading)[1] for reading in seen)
        return reply_with(None, most, context=context, tier2=TILE_SUM)
    total = np.ones(1)
    for reading in seen[:-1]:
        total = np.convolve(total, counts_seen(reading))
    counts = mean_counts([total, counts_seen(seen[-1])])
    answer = int(counts.argmax())
    return reply_with(str(answer), float(counts[answer]), context=context, tier2=TILE_SUM)


def region_count(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Average the counts of several framings of a region and take the most probable one, if it is visible."""
    views = framings_of(image, context, COUNT_FRAMINGS)
    seen = readings((yield Ask(views=views, question=task.question)), expert)
    counts = mean_counts([_count_probabilities(reading) for reading in seen])
    answer, probability = int(counts.argmax()), float(counts.max())
    hidden = sum(invisibility(reading) for reading in seen) / len(seen)
    visible = str(answer) if probability > hidden else None
    return reply_with(visible, probability, context=context, tier2=REGION_COUNT)


def mean_counts(counts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean probability of each count, [K] for 0 to K - 1, of distributions of any lengths."""
    mean = np.zeros(max(map(len, counts)))
    for count in counts:
        mean[: len(count)] += count / len(counts)
    return mean


def counts_seen(reading: Reading) -> NDArray[np.float64]:
    """Return how many a view shows, as a distribution [K] over 0 to K - 1: where nothing is visible there are none.

    Answers that are not numbers are left out, and the rest is scaled to 1.
    """
    counts = _count_probabilities(reading)
    counts[0] += invisibility(reading)
    total = counts.sum()
    return counts / total if total > 0 else np.ones(1)


def _count_probabilities(reading: Reading) -> NDArray[np.float64]:
    """[K] the probability of each whole number, unscaled."""
    numbers = {int(answer): p for answer, p in reading.probabilities.items() if answer.isdecimal()}
    counts = np.zeros(1 + max(numbers, default=0))
    for number, probability in numbers.items():
        counts[number] = probability
    return counts
