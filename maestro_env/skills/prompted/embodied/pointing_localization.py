"""`ERQA_Pointing_Localization`: which place or marked point is meant."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

POINTING_LOCALIZATION = FocusedSkill(
    name="ERQA_Pointing_Localization",
    cues={
        "point": 1, "points to": 2, "pointing": 2, "pointed": 2, "dot": 1, "marker": 1, "marked": 1, "location": 1,
        "located": 1, "where is": 1, "coordinate": 2, "which point": 2, "keypoint": 2,
    },
    wants=Wants(
        kinds=(Kind.CAPTION, Kind.OCR, Kind.ZOOM),
        max_zooms=2,
        focus="The marked points, with their letters or colours and what lies under them, matter.",
    ),
    instructions=(
        "Go through the marks or places in question one by one: for each, say exactly what it lies on. Then choose the "
        "one that fits; a mark beside a thing is not on it."
    ),
)  # fmt: skip
