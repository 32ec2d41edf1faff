"""`ERQA_Spatial_Mechanics`: where things are to each other, and what holds, fits or falls."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

SPATIAL_MECHANICS = FocusedSkill(
    name="ERQA_Spatial_Mechanics",
    cues={
        "left": 1, "right": 1, "behind": 1, "in front of": 1, "above": 1, "below": 1, "between": 1, "closer": 1,
        "closest": 1, "nearest": 1, "farther": 1, "farthest": 1, "distance": 1, "fit": 1, "fits": 1, "fall": 1,
        "stable": 1, "support": 1, "taller": 1, "larger": 1,
    },
    wants=Wants(
        kinds=(Kind.CAPTION, Kind.DETECTION, Kind.ZOOM),
        focus="The things that are compared, and where they touch, matter.",
    ),
    instructions=(
        "Place the things in the room, not in the picture: use what covers what, shadows and known sizes to tell near "
        "from far. Then work out the relation, or what gravity and contact do."
    ),
)  # fmt: skip
