"""`OCRBench_Text_Recognition`: writes out a word or a line."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

TEXT_RECOGNITION = FocusedSkill(
    name="OCRBench_Text_Recognition",
    cues={
        "what is written": 2, "is written": 2, "read": 1, "transcribe": 3, "word": 1, "recognise": 2, "recognize": 2,
        "handwritten": 2, "handwriting": 2, "text in the image": 2, "text in the picture": 2, "digit": 1,
        "characters": 1,
    },
    wants=Wants(kinds=(Kind.OCR, Kind.ZOOM), focus="The text matters."),
    instructions=(
        "Write the text out character by character, as it stands there: no correction of its spelling, no missing "
        "letters filled in. Where the text that was read and the picture disagree, the picture holds."
    ),
)  # fmt: skip
