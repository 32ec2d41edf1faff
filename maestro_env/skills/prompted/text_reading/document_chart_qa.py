"""`OCRBench_Document_Chart_QA`: answers from a page, a table or a chart."""

from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import FocusedSkill
from maestro_env.skills.prompted.gathering import Wants

DOCUMENT_CHART_QA = FocusedSkill(
    name="OCRBench_Document_Chart_QA",
    cues={
        "document": 2, "chart": 2, "table": 2, "graph": 2, "diagram": 1, "infographic": 2, "report": 1, "page": 1,
        "paragraph": 2, "row": 1, "column": 1, "figure": 1, "percentage": 1, "letter": 1,
    },
    wants=Wants(
        kinds=(Kind.OCR, Kind.CAPTION, Kind.ZOOM), focus="The row, cell, mark or paragraph in question matters."
    ),
    instructions=(
        "Find the part of the page that the question is about by its headings, then the entry where row and column, "
        "or mark and axis, meet. Copy what stands there; compute only if the question asks for it."
    ),
)  # fmt: skip
