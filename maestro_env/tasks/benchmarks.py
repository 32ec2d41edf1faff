"""The embedded benchmarks and the part each plays. How their tasks are drawn is in procedural/."""

TRAINED = ("chart", "geometry", "microscopy", "earth", "radiology", "counting", "scene")
"""Policies train on these: plain figures of six families, and scenes that mix them."""
UNSEEN = ("hires_scene", "hires_scene_xl", "visual_search", "visual_math")
"""Policies meet these on test only; the core registry holds experts for them."""
EXTENDED = ("embodied", "ocr", "diagrams", "visual_code")
"""On test only, too; the experts for these are in the extended registry."""
BENCHMARKS = (*TRAINED, *UNSEEN, *EXTENDED)
