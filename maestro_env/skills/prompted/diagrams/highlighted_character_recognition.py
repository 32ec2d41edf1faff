"""`VLMsAreBlind_Highlighted_Character_Recognition`: which character is circled or marked."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

HIGHLIGHTED_CHARACTER_RECOGNITION = FocusedSkill(
    name="VLMsAreBlind_Highlighted_Character_Recognition",
    cues={
        "highlighted": 2, "circled": 2, "being circled": 1, "character": 2, "letter": 2, "underlined": 2, "oval": 1,
    },
    wants=Wants(kinds=(Kind.OCR, Kind.ZOOM), focus="The marked character and its two neighbours matter."),
    instructions=(
        "Spell the word out character by character and number them. Say between which two characters the mark lies, or "
        "which one it surrounds; the one in its middle is meant."
    ),
)  # fmt: skip
