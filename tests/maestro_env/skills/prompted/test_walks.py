"""Every skill, walked: the sequence of its calls, and that what is fetched is in the final prompt."""

import pytest

from maestro_env.registry import load_registry
from maestro_env.skills.prompted.answers import ANSWER_FORM
from maestro_env.skills.prompted.diagrams import router as diagrams
from maestro_env.skills.prompted.embodied import router as embodied
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.text_reading import router as text_reading
from maestro_env.skills.prompted.workflows import PROMPTED_WORKFLOWS
from maestro_env.types import WHOLE, Box, Context, Status
from tests.maestro_env.skills.prompted.walking import EVIDENCE, SHOWN, Walk, walk

EMBODIED, READING, DIAGRAM = "Embodied_Scene_QA_Skill", "OCR_Problem_Solver", "Diagram_Reasoning_Skill"

TIER1 = {
    "Direct": ["expert"],
    "Geometric_Problem_Solver": ["caption caption ocr ocr", "expert", "expert", "expert", "expert"],
    "Chart_Problem_Solver": ["ocr ocr", "expert", "expert"],
    "Science_Problem_Solver": ["caption caption ocr ocr zoom", "expert"],
    "Counting_Problem_Solver": ["detection detection", "zoom zoom", "expert", "expert"],
    "Perception_Problem_Solver": ["zoom", "expert"],
}
"""Who is asked, step by step, about two pictures."""

TIER2 = {
    "ERQA_Trajectory_Outcome": (EMBODIED, "Where does the trajectory end?", "caption detection", "zoom"),
    "ERQA_Pointing_Localization": (EMBODIED, "Which dot is it pointing to?", "caption ocr zoom"),
    "ERQA_Multi_View_Task": (EMBODIED, "Are both images of the same object?", "caption detection"),
    "ERQA_Action_Adjustment": (EMBODIED, "How should the gripper rotate?", "caption detection", "zoom"),
    "ERQA_Spatial_Mechanics": (EMBODIED, "What is behind the box?", "caption detection", "zoom"),
    "OCRBench_Text_Recognition": (READING, "What is written in the image?", "ocr zoom"),
    "OCRBench_Key_Information_Extraction": (READING, "What is the total on this receipt?", "ocr detection", "zoom"),
    "OCRBench_Scene_Text_QA": (READING, "What does the sign say?", "ocr caption detection", "zoom"),
    "OCRBench_Document_Chart_QA": (READING, "What does this document say?", "ocr caption zoom"),
    "OCRBench_Formula_Recognition": (READING, "Write out the formula.", "ocr zoom"),
    "VLMsAreBlind_Highlighted_Character_Recognition": (DIAGRAM, "Which letter is circled?", "ocr zoom"),
    "VLMsAreBlind_Grid_Structure_Parsing": (DIAGRAM, "Count the rows and columns of the grid.", "zoom"),
    "VLMsAreBlind_Circle_Contact_Overlap": (DIAGRAM, "Are the two circles touching?", "zoom"),
    "VLMsAreBlind_Intersection_Route_Counting": (DIAGRAM, "How many times do the lines cross?", "zoom"),
    "VLMsAreBlind_Geometric_Shape_Counting": (DIAGRAM, "How many pentagons are there?", "zoom"),
}
"""The tier-1 skill, a question that is dispatched to it, and who is asked, step by step, about one picture."""

FOCUSED = {skill.name: skill for skill in (*embodied.SKILLS, *text_reading.SKILLS, *diagrams.SKILLS)}


def final_prompt_shows(walked: Walk, num_pictures: int) -> None:
    """Assert that all evidence that was fetched is in the last prompt: in words, and in pictures."""
    final = walked.prompts[-1]
    for service, prompts in walked.asked.items():
        assert final.text.count(SHOWN[service]) == len(prompts), service
    num_of_evidence = sum(len(walked.asked.get(service, ())) for service in ("detection", "zoom"))
    assert len(final.images) == num_pictures + num_of_evidence
    assert final.text.endswith(ANSWER_FORM)


@pytest.mark.parametrize("skill", TIER1)
def test_tier_1__calls_and_evidence(skill: str) -> None:
    steps = [step.split() for step in TIER1[skill]]
    num_prompts = sum(step == ["expert"] for step in steps)
    said = [f"said {i}" for i in range(num_prompts - 1)]
    walked = walk(skill, *said, "<think>hm</think>So:\nAnswer: 42", num_pictures=2)
    assert walked.steps == steps
    final_prompt_shows(walked, 2)
    assert "How long is AB?\nChoices:\n- 7\n- 42" in walked.prompts[-1].text
    assert (walked.reply.answer, walked.reply.text) == ("42", "So:\nAnswer: 42")
    assert walked.reply.next_context == Context(id=WHOLE)


@pytest.mark.parametrize("name", TIER2)
def test_tier_2__calls_and_evidence(name: str) -> None:
    skill, question, *steps = TIER2[name]
    walked = walk(skill, "Answer: 42", question=question)
    assert walked.steps == [*(step.split() for step in steps), ["expert"]]
    assert (walked.reply.skill_tier2, walked.reply.answer) == (name, "42")
    final_prompt_shows(walked, 1)
    assert FOCUSED[name].instructions in walked.prompts[-1].text
    assert FOCUSED[name].wants.focus in (walked.asked["zoom"][0].text if "zoom" in walked.asked else "")


def test_walks__cover_the_paper() -> None:
    registry = load_registry("paper_extended")
    assert {*TIER1, EMBODIED, READING, DIAGRAM, "Code_Problem_Solver"} == {skill.name for skill in registry.skills}
    assert set(TIER2) == {name for skill in (embodied, text_reading, diagrams) for name in skill.TIER2}


@pytest.mark.parametrize("skill", load_registry("paper_extended").skills, ids=lambda skill: skill.name)
def test_services__those_of_the_workflow_are_those_that_are_asked(skill: object) -> None:
    name = skill.name  # type: ignore[attr-defined]
    if name in TIER1:
        said = ["x"] * sum(step == "expert" for step in TIER1[name])
        asked = set(walk(name, *said).asked)
    elif name == "Code_Problem_Solver":
        asked = set(walk(name, "assert f(1) == 1", "```python\nx\n```", work=["passed"]).asked)
    else:
        questions = [question for tier1, question, *_ in TIER2.values() if tier1 == name]
        asked = {service for question in questions for service in walk(name, "x", question=question).asked}
    assert asked == set(PROMPTED_WORKFLOWS[name].services)


FETCHING = [skill for skill, steps in TIER1.items() if steps[0] != "expert"]


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.RATE_LIMITED])
@pytest.mark.parametrize("skill", FETCHING)
def test_service__that_fails_is_missing_evidence_with_its_status(skill: str, status: Status) -> None:
    said = ["x"] * (TIER1[skill].count("expert") - 1)
    walked = walk(skill, *said, "Answer: 42", evidence=dict.fromkeys(EVIDENCE, status))
    final = walked.prompts[-1]
    num_asked = sum(map(len, walked.asked.values()))
    assert final.text.count(f"missing, because the service failed ({status})") == num_asked
    assert not any(shown in final.text for shown in SHOWN.values())
    assert len(final.images) == 1
    assert (walked.reply.status, walked.reply.answer) == (Status.OK, "42")


@pytest.mark.parametrize("nothing", ["", "  \n", "<think>I see", "<think>a</think>"])
def test_service__an_empty_completion_is_not_evidence(nothing: str) -> None:
    walked = walk("Chart_Problem_Solver", "pie", "Answer: 42", evidence={"ocr": nothing})
    assert "Text read (picture 1): missing, because the service failed (malformed)" in walked.prompts[-1].text


@pytest.mark.parametrize(
    "broken", ["I cannot tell.", '{"box": "left"}', '{"box": [1, 2, 3]}', '{"box": [200, 200, 300, 300]}']
)
def test_service__a_box_that_is_none_is_missing_evidence(broken: str) -> None:
    walked = walk("Perception_Problem_Solver", "Answer: 42", evidence={"zoom": broken})
    assert "Close-up (picture 1): missing" in walked.prompts[-1].text
    assert len(walked.prompts[-1].images) == 1


def test_service__nothing_to_find_is_evidence() -> None:
    evidence = {"detection": "[]", "zoom": '{"box": null}', "ocr": "None.", "caption": "c"}
    walked = walk("Counting_Problem_Solver", "x", "Answer: 0", evidence=evidence)
    assert "Objects detected (picture 1): none that the question may be about." in walked.prompts[-1].text
    assert "Close-up (picture 1): no part of it is worth a closer look." in walked.prompts[-1].text
    read = walk("Chart_Problem_Solver", "bar", "Answer: 0", evidence=evidence)
    assert "Text read (picture 1): there is none." in read.prompts[-1].text


def test_gather__the_zoom_service_sees_and_is_told_of_the_boxes() -> None:
    walked = walk("Counting_Problem_Solver", "x", "Answer: 2")
    (prompt,) = walked.asked["zoom"]
    assert f"Boxes of these objects are drawn: {SHOWN['detection']}" in prompt.text
    # The first box starts at (5, 5), in a black picture.
    assert prompt.images[0].getpixel((5, 5)) != (0, 0, 0)


def test_gather__pictures_are_named_in_the_order_that_they_are_shown_in() -> None:
    walked = walk("Counting_Problem_Solver", "x", "Answer: 2", num_pictures=2)
    final = walked.prompts[-1]
    legend = [
        "Pictures 1 to 2 are as given.",
        "Picture 3 shows picture 1 with boxes around the objects detected.",
        "Picture 4 shows picture 2 with boxes around the objects detected.",
        "Picture 5 shows a close-up of picture 1.",
        "Picture 6 shows a close-up of picture 2.",
    ]
    assert final.text.startswith("\n".join(legend))
    # 10 to 60 and 20 to 80, with a tenth of each side more on both: 60 x 72 pixels, enlarged to 448.
    assert [image.size for image in final.images] == [(100, 100)] * 4 + [(373, 448)] * 2


def test_gather__long_words_of_a_service_are_cut_and_say_so() -> None:
    walked = walk("Chart_Problem_Solver", "bar", "Answer: 0", evidence={"ocr": "z" * 9000})
    assert "z" * 8000 + " [cut here]" in walked.prompts[-1].text
    assert "z" * 8001 not in walked.prompts[-1].text


def test_gather__looks_at_the_region_of_the_context() -> None:
    region = Context(id="region:x", parent=WHOLE, box=Box(left=40, top=40, right=60, bottom=60))
    walked = walk("Chart_Problem_Solver", "bar", "Answer: 0", context=region)
    # A region of 20 pixels, with a tenth of its side added on each: 24.
    assert walked.asked["ocr"][0].images[0].size == (24, 24)
    assert walked.reply.next_context == region


def test_gather__without_pictures_nothing_is_fetched() -> None:
    assert walk("Science_Problem_Solver", "Answer: 42", num_pictures=0).steps == [["expert"]]


def test_geometry__each_prompt_builds_on_the_ones_before() -> None:
    walked = walk("Geometric_Problem_Solver", "points A, B", "<think>x</think>fact 1", "so 41", "Answer: 42")
    extract, fuse, solve, verify = (prompt.text for prompt in walked.prompts)
    assert SHOWN["caption"] not in extract  # the model's own view, before it is told what others saw
    assert "points A, B" in fuse
    assert "fact 1" in solve
    assert "points A, B" not in solve
    assert all(text in verify for text in ("fact 1", "so 41"))
    assert "<think>" not in solve + verify


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Bar.", "Bar_Chart"),
        ("It is a line chart.", "Line_Chart"),
        ("two pies", "Pie_Chart"),
        ("a bar chart with a line", "Line_Chart"),
        ("a line around a pie", "Pie_Chart"),
        ("<think>a pie?</think>bar", "Bar_Chart"),
        ("barometer readings, outline, piece by piece", "Other_Chart"),
        ("scatter plot", "Other_Chart"),
    ],
)
def test_chart__kinds_are_whole_words(said: str, kind: str) -> None:
    walked = walk("Chart_Problem_Solver", said, "Answer: 42")
    assert walked.reply.skill_tier2 == kind
    rules = {"Pie_Chart": "Match each slice", "Line_Chart": "Follow the line", "Bar_Chart": "Read a bar"}
    assert [name for name, rule in rules.items() if rule in walked.prompts[-1].text] == [kind] * (kind in rules)


def test_focused_skills__are_told_apart_by_their_names() -> None:
    skills: list[FocusedSkill] = [*embodied.SKILLS, *text_reading.SKILLS, *diagrams.SKILLS]
    assert len(FOCUSED) == len(skills) == 15
    assert len({skill.instructions for skill in skills}) == 15
