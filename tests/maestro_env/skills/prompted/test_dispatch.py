"""Which tier-2 skill a question is for: by whole words, by weights, and by order where there is a tie."""

import pytest

from maestro_env.skills.prompted.diagrams import router as diagrams
from maestro_env.skills.prompted.embodied import router as embodied
from maestro_env.skills.prompted.focused import FocusedSkill, chosen, scores
from maestro_env.skills.prompted.gathering import Wants
from maestro_env.skills.prompted.text_reading import router as text_reading


def skill(name: str, **cues: int) -> FocusedSkill:
    return FocusedSkill(
        name=name, cues={cue.replace("_", " "): weight for cue, weight in cues.items()},
        wants=Wants(kinds=()), instructions="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("question", "score"),
    [
        ("Which date?", 1),
        ("Which DATES?", 1),
        ("Which update, candidate or mandate?", 0),
        ("On which date was the phone number printed?", 3),
        ("Which phone\n  numbers?", 2),
        ("Which phone-number?", 0),
        ("A date and a date.", 1),
    ],
)
def test_scores__count_whole_words_and_phrases_once(question: str, score: int) -> None:
    assert scores(question, [skill("a", date=1, phone_number=2)]) == {"a": score}


def test_chosen__the_highest_then_the_earlier_then_otherwise() -> None:
    a, b = skill("a"), skill("b")
    assert chosen({"a": 1, "b": 2}, (a, b), otherwise=a) is b
    assert chosen({"a": 1, "b": 1}, (a, b), otherwise=b) is a
    assert chosen({"a": 0, "b": 0}, (a, b), otherwise=b) is b


@pytest.mark.parametrize(
    ("question", "num_pictures", "name"),
    [
        ("What will happen if the arm follows the arrow?", 1, "ERQA_Trajectory_Outcome"),
        ("Which point lies on the handle?", 1, "ERQA_Pointing_Localization"),
        ("At what time is the appointment?", 1, "ERQA_Spatial_Mechanics"),
        ("What does the transaction cost?", 1, "ERQA_Spatial_Mechanics"),
        ("What is the multitasking robot?", 1, "ERQA_Spatial_Mechanics"),
        ("Is the cup full?", 2, "ERQA_Multi_View_Task"),
        ("How should the gripper rotate?", 2, "ERQA_Action_Adjustment"),  # 1 + 2 + 2 against the 2 of two pictures
        ("Which trajectory?", 2, "ERQA_Trajectory_Outcome"),  # 2 against 2: the earlier one
        ("Is the cup full?", 1, "ERQA_Spatial_Mechanics"),
    ],
)
def test_embodied__routes(question: str, num_pictures: int, name: str) -> None:
    assert embodied.route(question, num_pictures=num_pictures).name == name


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Which candidate was updated last?", "OCRBench_Scene_Text_QA"),
        ("What is the man's facial expression?", "OCRBench_Scene_Text_QA"),
        ("Write the mathematical expression in the image.", "OCRBench_Formula_Recognition"),
        ("Is the vegetable stable?", "OCRBench_Scene_Text_QA"),
        ("What is in the second row of the table?", "OCRBench_Document_Chart_QA"),
        ("Who made the design?", "OCRBench_Scene_Text_QA"),
        ("What date is on the receipt?", "OCRBench_Key_Information_Extraction"),
        ("Transcribe the handwritten word.", "OCRBench_Text_Recognition"),
        ("What is this?", "OCRBench_Scene_Text_QA"),
    ],
)
def test_text_reading__routes(question: str, name: str) -> None:
    assert text_reading.route(question).name == name


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Which character is being highlighted with a red oval?", "VLMsAreBlind_Highlighted_Character_Recognition"),
        ("Count the number of rows and columns.", "VLMsAreBlind_Grid_Structure_Parsing"),
        ("Are the two circles overlapping?", "VLMsAreBlind_Circle_Contact_Overlap"),
        ("How many times do the blue and red lines intersect?", "VLMsAreBlind_Intersection_Route_Counting"),
        ("How many single-coloured paths go from A to C?", "VLMsAreBlind_Intersection_Route_Counting"),
        ("How many circles are in the image?", "VLMsAreBlind_Geometric_Shape_Counting"),
        ("What is online?", "VLMsAreBlind_Geometric_Shape_Counting"),
    ],
)
def test_diagrams__routes(question: str, name: str) -> None:
    assert diagrams.route(question).name == name
