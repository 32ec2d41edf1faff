"""Skills: workflows around a model, one file each. `workflows.py` lists them."""
