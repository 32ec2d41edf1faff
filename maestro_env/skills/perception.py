"""`Perception_Problem_Solver` searches the picture: locators move the view (`Locate`), readers look closer (`Zoom`)."""

from PIL import Image

from maestro_env.skills.base import Ask, SkillRun
from maestro_env.skills.crops import framings_of, grid, kept_inside, scaled, shown, view_of
from maestro_env.skills.reading import best_answer, findings, is_visible, readings, reply_to, stated
from maestro_env.types import WHOLE, Context, Expert, Reply, Role, Task

LOCATE = "Locate"
ZOOM = "Zoom"
TIER2 = (LOCATE, ZOOM)

FOUND = "found a region"
"""The text of every reply of `Locate`; where the region is, its context says."""

ZOOM_GRIDS = (2, 3)
"""In the whole picture, a reader sees all of it and grids of this many crops a side: 1 + 4 + 9 views."""

ZOOM_OVERLAP = 0.5
"""Half of a crop is shared with its neighbour, so that whatever is up to half a crop wide is whole in some crop."""

ZOOM_FRAMINGS = (1.0, 0.8, 1.25)
"""In a region, a reader sees it as it is, tighter and wider."""


def perception(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Dispatch to `Locate` for locators and to `Zoom` for readers."""
    run = locate if expert.model.role == Role.LOCATOR else zoom
    return run(task, context, image, expert)


def locate(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Look for the figure in the whole picture, whatever the context shows, and move the view there."""
    del context  # a locator that missed is not asked again inside its miss
    view = view_of(image, Context(id=WHOLE))
    looks = yield Ask(views=(view,), question=task.question)
    finding = findings(looks, expert)[0]
    box = kept_inside(scaled(finding.box, image.width / view.width), image)
    return Reply(
        text=FOUND,
        answer=None,
        confidence=stated(finding.confidence),
        next_context=Context(id=f"region:{expert.model.name}", parent=WHOLE, box=box),
        skill_tier2=LOCATE,
    )


def zoom(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Look at crops of several sizes and keep the most confident visible answer; the first one wins ties."""
    looks = yield Ask(views=_zoom_views(image, context), question=task.question)
    seen = readings(looks, expert)
    visible = [reading for reading in seen if is_visible(reading)]
    return reply_to(max(visible or seen, key=lambda reading: best_answer(reading)[1]), context=context, tier2=ZOOM)


def _zoom_views(image: Image.Image, context: Context) -> tuple[Image.Image, ...]:
    if context.box is not None:
        return framings_of(image, context, ZOOM_FRAMINGS)
    boxes = [box for num_a_side in ZOOM_GRIDS for box in grid(image, num_a_side, overlap=ZOOM_OVERLAP)]
    return (view_of(image, context), *(shown(image, box) for box in boxes))
