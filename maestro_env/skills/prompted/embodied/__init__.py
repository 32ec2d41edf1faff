"""`Embodied_Scene_QA_Skill` and its tier-2 skills."""
