"""Tasks: the questions, and the pictures that belong to them."""

from maestro_env.tasks.images import load_image

__all__ = ["load_image"]
