"""The embedded world's tasks: one file a family of figures, one for scenes that are composed of them."""
