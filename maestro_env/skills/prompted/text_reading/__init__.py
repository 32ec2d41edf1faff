"""`OCR_Problem_Solver` and its tier-2 skills."""
