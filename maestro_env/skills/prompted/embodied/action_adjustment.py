"""`ERQA_Action_Adjustment`: what a robot has to do, or to do differently."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

ACTION_ADJUSTMENT = FocusedSkill(
    name="ERQA_Action_Adjustment",
    cues={
        "action": 1, "adjust": 2, "adjustment": 2, "gripper": 2, "grasp": 2, "rotate": 2, "rotation": 1, "move": 1,
        "should the robot": 2, "robot do": 2, "turn": 1, "how should": 1, "pick up": 1, "open": 1, "close": 1,
    },
    wants=Wants(
        kinds=(Kind.CAPTION, Kind.DETECTION, Kind.ZOOM),
        focus="The gripper or hand and what it has to reach matter.",
    ),
    instructions=(
        "Say where the gripper or hand is, how it is turned, and where it has to be for the task. The action is what "
        "takes it from the one to the other: mind whose left and right are meant, and what is in the way."
    ),
)  # fmt: skip
