"""`ERQA_Multi_View_Task`: questions about one scene in several pictures, or about how far a task has got."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

MULTI_VIEW_TASK = FocusedSkill(
    name="ERQA_Multi_View_Task",
    cues={
        "view": 1, "viewpoint": 2, "camera": 1, "first image": 2, "second image": 2, "both images": 2, "two images": 2,
        "images": 1, "frame": 1, "next step": 1, "completed": 1, "progress": 1, "same object": 2, "corresponding": 1,
    },
    wants=Wants(kinds=(Kind.CAPTION, Kind.DETECTION)),
    instructions=(
        "Say first how the pictures belong together: the same scene from other places, or at other times. Find the "
        "same things in each by their look and their neighbours. Then compare, and answer about the scene, not about "
        "one picture."
    ),
)  # fmt: skip
