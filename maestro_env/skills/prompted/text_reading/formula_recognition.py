"""`OCRBench_Formula_Recognition`: writes out a printed or handwritten formula."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

FORMULA_RECOGNITION = FocusedSkill(
    name="OCRBench_Formula_Recognition",
    cues={
        "formula": 3, "formulae": 3, "equation": 3, "latex": 3, "mathematical expression": 3, "math expression": 3,
    },
    wants=Wants(kinds=(Kind.OCR, Kind.ZOOM), focus="The formula, with all its indices and exponents, matters."),
    instructions=(
        "Write the formula in LaTeX, from left to right and from top to bottom. Check every index, exponent, fraction, "
        "root and bracket against the picture. Add no sign that is not there, and do not solve or simplify."
    ),
)  # fmt: skip
