"""`VLMsAreBlind_Grid_Structure_Parsing`: how many rows and columns a grid has, and what stands in it."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

GRID_STRUCTURE_PARSING = FocusedSkill(
    name="VLMsAreBlind_Grid_Structure_Parsing",
    cues={"grid": 3, "row": 2, "column": 2, "cell": 2, "table": 1},
    wants=Wants(kinds=(Kind.ZOOM,), focus="The edge of the grid where its rows or columns can be counted matters."),
    instructions=(
        "Count the rows along the left edge, one by one, and the columns along the top edge, one by one; a grid has "
        "one cell fewer than lines. Count a second time from the other side, and settle any difference."
    ),
)
