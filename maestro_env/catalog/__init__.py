"""The registries, as TOML files: the only lists of models and skills. Reading them is registry.py's job."""
