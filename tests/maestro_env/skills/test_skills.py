"""Each skill, driven by a script: what it asks, and what it makes of the looks it is sent."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from maestro_env.errors import RegistryError, UnknownNameError
from maestro_env.registry import Registry, load_registry
from maestro_env.skills.averaging import mean_reading
from maestro_env.skills.base import Ask, Finding, Look, Reading, SkillRun
from maestro_env.skills.counting import asks_for_count, counts_seen, mean_counts
from maestro_env.skills.retouch import relit, straightened, trimmed
from maestro_env.skills.workflows import check_skills, skill_function
from maestro_env.types import WHOLE, Box, Context, Expert, Model, Reply, Role, Skill, Task

IMAGE = Image.new("RGB", (200, 200))
IN_WHOLE = Context(id=WHOLE)
IN_REGION = Context(id="region:a", parent=WHOLE, box=Box(left=75, top=75, right=125, bottom=125))
BLUE = (0, 0, 255)
COUNT, OTHER = "How many can be seen?", "Which colour is it?"


def run(
    skill: str, context: Context, question: str, *, role: str = Role.READER, image: Image.Image = IMAGE
) -> SkillRun:
    task = Task(id="t", benchmark="b", split="val", question=question, images=("i",), gold="1")
    model = Model(name="model-a", description="", network="network-a", role=role)
    return skill_function(skill)(task, context, image, Expert(model=model, skill=Skill(name=skill, description="")))


def finish(running: SkillRun, *looks: Look) -> Reply:
    """Send the looks of the only request and return the reply."""
    with pytest.raises(StopIteration) as end:
        running.send(looks)
    return end.value.value


def reading(**probabilities: float) -> Reading:
    """A reading; `n7=0.5` stands for the answer "7"."""
    return Reading(probabilities={name.removeprefix("n"): p for name, p in probabilities.items()})


def sizes(ask: Ask) -> list[int]:
    return [view.width for view in ask.views]


def number_of(colour: tuple[int, int, int], view: Image.Image) -> int:
    """How many pixels have exactly a colour."""
    return int((np.asarray(view) == colour).all(axis=2).sum())


def f32(value: float) -> float:
    return float(np.float32(value))


def test_direct__asks_once_about_the_whole() -> None:
    running = run("Direct", IN_WHOLE, OTHER)
    ask = next(running)
    assert ask.views == (IMAGE,)
    assert ask.question == OTHER
    reply = finish(running, reading(red=0.61234, blue=0.2))
    assert reply == Reply(text="red", answer="red", confidence=f32(0.612), next_context=IN_WHOLE)


def test_direct__looks_at_the_region() -> None:
    running = run("Direct", IN_REGION, OTHER)
    # 50 px with a tenth on either side.
    assert sizes(next(running)) == [60]
    assert finish(running, reading(red=0.9)).next_context is IN_REGION


def test_direct__says_what_is_not_visible_with_its_best_guess_as_confidence() -> None:
    running = run("Direct", IN_WHOLE, OTHER)
    next(running)
    # 0.3 + 0.2 are seen, 0.5 is not: more than the best answer's 0.3.
    reply = finish(running, reading(red=0.3, blue=0.2))
    assert (reply.text, reply.answer, reply.confidence) == ("not visible", None, f32(0.3))


def test_direct__a_tie_with_invisibility_is_not_visible() -> None:
    running = run("Direct", IN_WHOLE, OTHER)
    next(running)
    assert finish(running, reading(red=0.5)).answer is None


def test_direct__refuses_a_locator() -> None:
    running = run("Direct", IN_WHOLE, OTHER)
    next(running)
    with pytest.raises(RegistryError, match=r"'model-a/Direct' needs a reader, but .*'network-a' is a locator"):
        running.send((Finding(box=Box(left=0, top=0, right=1, bottom=1), confidence=1),))


@pytest.mark.parametrize("context", [IN_WHOLE, IN_REGION])
def test_locate__looks_at_the_whole_and_moves_the_view(context: Context) -> None:
    running = run("Perception_Problem_Solver", context, OTHER, role=Role.LOCATOR)
    assert next(running).views == (IMAGE,)
    # 190.2 to 210.2 sticks out by 10.2: moved back inside, in whole pixels.
    reply = finish(running, Finding(box=Box(left=190.2, top=20.0, right=210.2, bottom=30.0), confidence=0.87654))
    assert reply == Reply(
        text="found a region",
        answer=None,
        confidence=f32(0.877),
        next_context=Context(id="region:model-a", parent=WHOLE, box=Box(left=180, top=20, right=200, bottom=30)),
        skill_tier2="Locate",
    )


def test_locate__refuses_a_reader() -> None:
    running = run("Perception_Problem_Solver", IN_WHOLE, OTHER, role=Role.LOCATOR)
    next(running)
    with pytest.raises(RegistryError, match="needs a locator, but the network 'network-a' is a reader; set role"):
        running.send((reading(red=0.5),))


def test_zoom__looks_at_the_whole_and_at_overlapping_crops() -> None:
    running = run("Perception_Problem_Solver", IN_WHOLE, OTHER)
    ask = next(running)
    # Half overlapping: 2 x 2 crops of two thirds of 200 px, 3 x 3 of one half.
    assert sizes(ask) == [200] + [133] * 4 + [100] * 9
    seen = [reading(red=0.4, blue=0.1)] * 14
    seen[3] = reading(green=0.6)
    seen[9] = reading(blue=0.8)
    seen[10] = reading(yellow=0.8)
    reply = finish(running, *seen)
    # 0.8 twice: the first one wins.
    assert (reply.answer, reply.confidence, reply.skill_tier2) == ("blue", f32(0.8), "Zoom")
    assert reply.next_context is IN_WHOLE


def test_zoom__a_visible_answer_beats_a_hidden_one() -> None:
    running = run("Perception_Problem_Solver", IN_REGION, OTHER)
    # 50 px are shown as 60, 60 x 0.8 = 48, 60 x 1.25 = 75.
    assert sizes(next(running)) == [60, 48, 75]
    # 0.45 of an answer with 0.55 hidden is not visible; 0.4 with 0.3 hidden is.
    reply = finish(running, reading(red=0.45), reading(blue=0.4, green=0.3), reading(red=0.1))
    assert (reply.answer, reply.confidence) == ("blue", f32(0.4))


def test_zoom__without_a_visible_answer_says_so() -> None:
    running = run("Perception_Problem_Solver", IN_REGION, OTHER)
    next(running)
    reply = finish(running, reading(red=0.2), reading(blue=0.3), reading(red=0.1))
    assert (reply.text, reply.answer, reply.confidence) == ("not visible", None, f32(0.3))


def test_counting__looks_once_where_no_count_is_asked_for() -> None:
    running = run("Counting_Problem_Solver", IN_REGION, OTHER)
    assert sizes(next(running)) == [60]
    reply = finish(running, reading(red=0.7))
    assert (reply.answer, reply.skill_tier2) == ("red", "Look")


def test_tile_sum__averages_the_tiles_and_the_whole() -> None:
    running = run("Counting_Problem_Solver", IN_WHOLE, COUNT)
    # 2 x 2 tiles of 100 px, and the whole.
    assert sizes(next(running)) == [100] * 4 + [200]
    # Two tiles with 0 or 1: 0.25, 0.5, 0.25 for 0, 1, 2; the whole says 2 with 0.6. Averaged: 0.325, 0.25, 0.425.
    tiles = [reading(n0=0.5, n1=0.5), reading(n0=1.0), reading(n0=1.0), reading(n0=0.5, n1=0.5)]
    reply = finish(running, *tiles, reading(n0=0.4, n2=0.6))
    assert (reply.text, reply.answer, reply.skill_tier2) == ("2", "2", "Tile_Sum")
    assert reply.confidence == f32(0.425)


def test_tile_sum__tiles_in_which_nothing_is_visible_hold_none() -> None:
    running = run("Counting_Problem_Solver", IN_WHOLE, COUNT)
    next(running)
    # One tile shows 3 for sure, the others show nothing; the whole says 3 with 0.5.
    reply = finish(running, reading(n3=1.0), *[reading(n5=0.0)] * 3, reading(n3=0.5, n4=0.5))
    assert (reply.answer, reply.confidence) == ("3", 0.75)


def test_tile_sum__without_anything_visible_says_so() -> None:
    running = run("Counting_Problem_Solver", IN_WHOLE, COUNT)
    next(running)
    reply = finish(running, reading(n3=0.4), *[reading(n5=0.1)] * 4)
    assert (reply.answer, reply.confidence, reply.skill_tier2) == (None, f32(0.4), "Tile_Sum")


def test_tile_sum__a_whole_that_shows_something_is_enough() -> None:
    running = run("Counting_Problem_Solver", IN_WHOLE, COUNT)
    next(running)
    # The tiles are thought to hold 0; the whole says 2 with 0.9, and 0 with the rest. Averaged: 0.55 for 0.
    reply = finish(running, *[reading(n5=0.0)] * 4, reading(n2=0.9))
    assert (reply.answer, reply.confidence) == ("0", f32(0.55))


def test_region_count__averages_the_framings() -> None:
    running = run("Counting_Problem_Solver", IN_REGION, COUNT)
    # 50 px are shown as 60, 66 and 72.
    assert sizes(next(running)) == [60, 66, 72]
    # 4: (0.5 + 0.5 + 0) / 3 = 0.333; 5: (0.4 + 0.4 + 0.9) / 3 = 0.567; hidden: 0.1.
    reply = finish(running, reading(n4=0.5, n5=0.4), reading(n4=0.5, n5=0.4), reading(n5=0.9))
    assert (reply.answer, reply.confidence, reply.skill_tier2) == ("5", f32(0.567), "Region_Count")


def test_region_count__that_is_mostly_hidden_says_so() -> None:
    running = run("Counting_Problem_Solver", IN_REGION, COUNT)
    next(running)
    # 4: (0.9 + 0 + 0) / 3 = 0.3; hidden: (0.1 + 1 + 1) / 3 = 0.7.
    reply = finish(running, reading(n4=0.9), reading(), reading())
    assert (reply.answer, reply.confidence) == (None, f32(0.3))


def test_counts_seen__leave_out_what_is_no_number() -> None:
    # 0.3 for 2, 0.1 hidden counts as 0, 0.6 for red is left out: scaled by 1 / 0.4.
    np.testing.assert_allclose(counts_seen(reading(n2=0.3, red=0.6)), [0.25, 0.0, 0.75])


def test_mean_counts__of_different_lengths() -> None:
    np.testing.assert_allclose(mean_counts([np.array([0.2, 0.0, 0.8]), np.array([0.0, 1.0])]), [0.1, 0.5, 0.4])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many are there?", True),
        ("In the red frame: how many can be seen?", True),
        ("What is the NUMBER OF them?", True),
        ("Count the stars.", True),
        ("Which number does it stand for?", False),
        ("What value does it show?", False),
        ("Which account is it?", False),
        ("Which county or country is discounted?", False),
        ("Show many things.", False),
    ],
)
def test_asks_for_count__goes_by_whole_words(question: str, expected: bool) -> None:
    assert asks_for_count(question) is expected


def axes() -> Image.Image:
    """A page with two axes and a bar, turned by 20 degrees."""
    image = Image.new("RGB", (200, 200), "white")
    pen = ImageDraw.Draw(image)
    pen.line([(40, 40), (40, 160), (160, 160)], fill="black", width=3)
    pen.rectangle((70, 80, 100, 160), fill="red")
    return image.rotate(20, Image.Resampling.BILINEAR, fillcolor="white")


def page() -> Image.Image:
    """A page with a disc 60 px wide at its upper left."""
    image = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(image).ellipse((20, 30, 79, 89), fill="blue")
    return image


def dim() -> Image.Image:
    image = Image.new("RGB", (200, 200), (140, 140, 140))
    image.paste((90, 90, 90), (60, 60, 140, 140))
    return image


def test_chart__levels_axes_and_reads_them_in_two_framings() -> None:
    image = axes()
    running = run("Chart_Problem_Solver", IN_WHOLE, OTHER, image=image)
    ask = next(running)
    # The picture as it is; level; 0.97 of that.
    assert ask.views[0] is image
    assert sizes(ask) == [200, 200, 194]
    assert ask.views[1] == straightened(image)
    assert ask.views[1] != image
    assert ask.views[2] == ask.views[1].crop((3, 3, 197, 197))
    # The picture as it is does not count: 2: (0.4 + 0.7) / 2 = 0.55; 3: (0.5 + 0.1) / 2 = 0.3; hidden: 0.15.
    reply = finish(running, reading(n9=1.0), reading(n2=0.4, n3=0.5), reading(n2=0.7, n3=0.1))
    assert (reply.answer, reply.confidence, reply.skill_tier2) == ("2", f32(0.55), "Axes")
    assert reply.next_context is IN_WHOLE


def test_chart__trims_the_page_around_a_disc() -> None:
    running = run("Chart_Problem_Solver", IN_WHOLE, OTHER, image=page())
    # The disc's 60 px and 0.15 of it on either side: 78; with 1.15 times as much: 89.7.
    assert sizes(next(running)) == [200, 78, 90]
    assert finish(running, *[reading(red=0.8)] * 3).skill_tier2 == "Disc"


def test_chart__falls_back_on_the_picture_as_it_is() -> None:
    running = run("Chart_Problem_Solver", IN_WHOLE, OTHER, image=page())
    next(running)
    # Put right: red (0.4 + 0.2) / 2 = 0.3 and 0.7 hidden. As it is, blue is visible.
    reply = finish(running, reading(blue=0.6), reading(red=0.4), reading(red=0.2))
    assert (reply.answer, reply.confidence) == ("blue", f32(0.6))


def test_chart__reads_a_region_as_it_is() -> None:
    running = run("Chart_Problem_Solver", IN_REGION, OTHER, image=axes())
    ask = next(running)
    # 50 px and a tenth on either side are 60: from 70 to 130. 1.15 times as much: 69.
    assert sizes(ask) == [60, 69]
    assert ask.views[0] == axes().crop((70, 70, 130, 130))
    reply = finish(running, reading(red=0.5), reading(red=0.8))
    assert (reply.answer, reply.confidence, reply.next_context) == ("red", f32(0.65), IN_REGION)


@pytest.mark.parametrize(
    ("skill", "tier2", "image", "retouch", "widths"),
    [
        # As for a disc of a chart.
        ("Geometric_Problem_Solver", "Trim", page(), trimmed, [78, 90]),
        ("Diagram_Reasoning_Skill", "Trim_And_Read", page(), trimmed, [78, 90]),
        # As for axes of a chart.
        ("Science_Problem_Solver", "Relight", dim(), relit, [200, 194]),
        ("Embodied_Scene_QA_Skill", "Level", axes(), straightened, [200, 194]),
    ],
)
def test_retouching_skill__retouches_the_whole_and_reads_regions_as_they_are(
    skill: str, tier2: str, image: Image.Image, retouch: Callable[[Image.Image], Image.Image], widths: list[int]
) -> None:
    running = run(skill, IN_WHOLE, OTHER, image=image)
    ask = next(running)
    assert sizes(ask) == widths
    assert ask.views[0] == retouch(image)
    assert ask.views[0] != image
    # Red: (0.2 + 0.6) / 2 = 0.4; blue: (0.5 + 0.1) / 2 = 0.3; hidden: 0.3.
    reply = finish(running, reading(red=0.2, blue=0.5), reading(red=0.6, blue=0.1))
    assert (reply.answer, reply.confidence, reply.skill_tier2) == ("red", f32(0.4), tier2)

    running = run(skill, IN_REGION, OTHER, image=image)
    ask = next(running)
    assert sizes(ask) == [60, 69]
    assert ask.views[0] == image.crop((70, 70, 130, 130))
    # Red: 0.4; hidden: 0.6.
    reply = finish(running, reading(red=0.2), reading(red=0.6))
    assert (reply.text, reply.answer, reply.confidence) == ("not visible", None, f32(0.4))


@pytest.mark.parametrize(
    ("question", "tier2"),
    [
        ("Which letter is marked?", "Close_Up"),
        ("In the red frame: name the letter.", "Close_Up"),
        ("Which letter names the longest side?", "Trim"),
        ("Which segment is the shortest?", "Trim"),
        ("How many are there?", "Trim"),
    ],
)
def test_geometry__looks_closely_only_for_a_marked_letter(question: str, tier2: str) -> None:
    running = run("Geometric_Problem_Solver", IN_WHOLE, question, image=page())
    next(running)
    assert finish(running, reading(A=0.9), reading(A=0.7)).skill_tier2 == tier2


def test_geometry__close_ups_show_what_is_marked() -> None:
    image = Image.new("RGB", (200, 200), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((20, 20, 180, 180), outline="black", width=3)
    pen.ellipse((100, 50, 124, 74), fill=BLUE)
    running = run("Geometric_Problem_Solver", IN_WHOLE, "Which letter is marked?", image=image)
    ask = next(running)
    # The box is 160 px wide, and 208 with the margins of a trimmed page, but the picture has no more than 200.
    assert sizes(ask) == [80, 128]
    assert [number_of(BLUE, view) for view in ask.views] == [number_of(BLUE, image)] * 2
    # A: (0.9 + 0.3) / 2 = 0.6.
    reply = finish(running, reading(A=0.9), reading(A=0.3))
    assert (reply.answer, reply.confidence, reply.next_context) == ("A", f32(0.6), IN_WHOLE)


def test_geometry__close_ups_of_a_region_leave_its_frame_out() -> None:
    image = Image.new("RGB", (200, 200), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((70, 70, 129, 129), outline="red", width=5)
    pen.ellipse((96, 96, 102, 102), fill=BLUE)
    running = run("Geometric_Problem_Solver", IN_REGION, "Which letter is marked?", image=image)
    ask = next(running)
    # 50 px, with margins 60, and 51 without the frame: 0.4 and 0.64 of them.
    assert sizes(ask) == [20, 33]
    assert [number_of(BLUE, view) for view in ask.views] == [number_of(BLUE, image)] * 2


def test_mean_reading__an_answer_that_a_reading_does_not_name_has_none() -> None:
    mean = mean_reading([reading(red=0.6), reading(red=0.2, blue=0.4), reading()])
    assert mean.probabilities == pytest.approx({"red": 0.8 / 3, "blue": 0.4 / 3})


def test_skill_function__names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown skill 'Dirct'. Did you mean 'Direct'"):
        skill_function("Dirct")


def test_check_skills__the_core_registry_can_be_run() -> None:
    check_skills(load_registry("core"))


def registry_of(skill: Skill) -> Registry:
    return Registry(name="mine", experts=(Expert(model=Model(name="m", description=""), skill=skill),))


def test_check_skills__an_unknown_skill_is_an_error() -> None:
    with pytest.raises(
        RegistryError, match=r"'mine' names a skill that cannot be run here. Unknown.*'Direkt'.*'Direct'"
    ):
        check_skills(registry_of(Skill(name="Direkt", description="")))


def test_check_skills__wrong_tier2_names_are_an_error() -> None:
    skill = Skill(name="Perception_Problem_Solver", description="", tier2=("Locate",))
    with pytest.raises(RegistryError, match=r"lists the tier-2 skills \['Locate'\], but it has \['Locate', 'Zoom'\]"):
        check_skills(registry_of(skill))
