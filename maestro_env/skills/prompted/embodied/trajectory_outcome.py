"""`ERQA_Trajectory_Outcome`: what becomes of a movement that is drawn or described."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

TRAJECTORY_OUTCOME = FocusedSkill(
    name="ERQA_Trajectory_Outcome",
    cues={
        "trajectory": 2, "trajectories": 2, "path": 1, "arrow": 1, "moves along": 2, "follow": 1, "follows": 1,
        "outcome": 1, "what happens": 1, "will happen": 1, "end up": 1, "waypoint": 2,
    },
    wants=Wants(
        kinds=(Kind.CAPTION, Kind.DETECTION, Kind.ZOOM),
        focus="The start and the end of the movement, and what lies between them, matter.",
    ),
    instructions=(
        "Follow the movement from its start to its end, step by step: what moves, in which direction, and what it "
        "touches, pushes or passes on the way. Then say what has changed at the end."
    ),
)  # fmt: skip
