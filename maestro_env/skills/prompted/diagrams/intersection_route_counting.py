"""`VLMsAreBlind_Intersection_Route_Counting`: how often lines cross, or how many routes join two places."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

INTERSECTION_ROUTE_COUNTING = FocusedSkill(
    name="VLMsAreBlind_Intersection_Route_Counting",
    cues={
        "intersect": 3, "intersection": 3, "cross": 2, "crossing": 2, "route": 2, "path": 2, "subway": 3, "station": 2,
        "line": 1, "connect": 1,
    },
    wants=Wants(kinds=(Kind.ZOOM,), focus="The places where lines meet matter."),
    instructions=(
        "Follow one line at a time from end to end, by its colour, and note each place where it meets another, or "
        "where it ends. Two lines that come close have not met. Count the noted places, or the whole routes, once each."
    ),
)  # fmt: skip
