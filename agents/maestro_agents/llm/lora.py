"""Low-rank adapters: putting them on a model, and merging them into its weights. Needs peft where any are asked for."""

from typing import Any


def lora_config(rank: int) -> Any:
    """Return the configuration of adapters on all linear layers; None for rank 0, which trains all weights.

    Nothing is dropped out: the probability of a token must be the one that it was sampled with.
    """
    if rank == 0:
        return None
    from peft import LoraConfig  # a large library that models trained as a whole do without

    return LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def with_lora(model: Any, rank: int) -> Any:
    """Return the model with adapters, or as it is for rank 0."""
    if rank == 0:
        return model
    from peft import get_peft_model

    adapted: Any = get_peft_model(model, lora_config(rank))
    return adapted


def merged(model: Any) -> Any:
    """Return a model without adapters, whose weights hold what they had learnt."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
