"""`OCRBench_Scene_Text_QA`: answers from signs, labels and other text in a scene."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

SCENE_TEXT_QA = FocusedSkill(
    name="OCRBench_Scene_Text_QA",
    cues={
        "sign": 1, "signboard": 2, "brand": 1, "shop": 1, "store": 1, "street": 1, "bottle": 1, "jersey": 1, "bus": 1,
        "billboard": 2, "licence plate": 2, "license plate": 2, "poster": 1, "title of": 1, "author": 1,
    },
    wants=Wants(
        kinds=(Kind.OCR, Kind.CAPTION, Kind.DETECTION, Kind.ZOOM),
        focus="The thing that bears the text in question matters.",
    ),
    instructions=(
        "Find the thing in the scene that the question means, then read what is written on it. Text elsewhere in the "
        "scene does not count. Answer in the words that stand there."
    ),
)  # fmt: skip
