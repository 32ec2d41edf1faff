"""`VLMsAreBlind_Circle_Contact_Overlap`: whether circles touch or overlap."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

CIRCLE_CONTACT_OVERLAP = FocusedSkill(
    name="VLMsAreBlind_Circle_Contact_Overlap",
    cues={"overlap": 2, "overlapping": 2, "touch": 2, "touching": 2, "contact": 2, "two circles": 2, "tangent": 1},
    wants=Wants(kinds=(Kind.ZOOM,), focus="The narrowest place between the circles matters."),
    instructions=(
        "Look only at the narrowest place between the two circles. A gap of the ground's colour there, however thin, "
        "means that they do not touch; one shared point means that they touch; a shared area, that they overlap."
    ),
)
