"""`Diagram_Reasoning_Skill` and its tier-2 skills."""
