"""`OCRBench_Key_Information_Extraction`: finds one field of a form, receipt or label."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

KEY_INFORMATION_EXTRACTION = FocusedSkill(
    name="OCRBench_Key_Information_Extraction",
    cues={
        "receipt": 3, "invoice": 3, "form": 1, "field": 2, "key information": 3, "extract": 2, "total": 1, "amount": 1,
        "date": 1, "address": 1, "company": 1, "phone number": 2, "nutrition": 2, "serving": 1,
    },
    wants=Wants(
        kinds=(Kind.OCR, Kind.DETECTION, Kind.ZOOM), focus="The field that is asked for, with its label, matters."
    ),
    instructions=(
        "Find the label of the field that is asked for, and the value that stands beside or below it. Copy the value "
        "exactly, with its punctuation and unit. If several values could be meant, take the one whose label fits best."
    ),
)  # fmt: skip
