"""Skills: workflows around a model, one file each. `library.py` lists them."""
