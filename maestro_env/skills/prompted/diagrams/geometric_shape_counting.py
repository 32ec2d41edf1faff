"""`VLMsAreBlind_Geometric_Shape_Counting`: how many shapes there are, nested and overlapping ones included."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

GEOMETRIC_SHAPE_COUNTING = FocusedSkill(
    name="VLMsAreBlind_Geometric_Shape_Counting",
    cues={
        "how many": 1, "count": 1, "shape": 1, "circle": 1, "square": 1, "pentagon": 1, "triangle": 1, "nested": 1,
        "ring": 1, "polygon": 1,
    },
    wants=Wants(kinds=(Kind.ZOOM,), focus="Where shapes overlap or lie inside one another matters."),
    instructions=(
        "Count outlines, not areas: every closed outline of the kind asked for is one shape, also where it overlaps "
        "others or lies inside them. Go from the outside inwards, or from left to right, and number each."
    ),
)  # fmt: skip
