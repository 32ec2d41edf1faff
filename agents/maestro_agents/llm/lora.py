"""Low-rank adapters: putting them on a model, and merging them into its weights. Needs peft where any are asked for."""

from typing import Any

from maestro_env.errors import MissingExtraError


def lora_config(rank: int) -> Any:
    """Return the configuration of adapters on all linear layers; None for rank 0, which trains all weights.

    Nothing is dropped out: the probability of a token must be the one that it was sampled with.

    Raises:
        MissingExtraError: peft is not installed.
    """
    if rank == 0:
        return None
    return _peft().LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def with_lora(model: Any, rank: int) -> Any:
    """Return the model with adapters, or as it is for rank 0.

    Raises:
        MissingExtraError: peft is not installed.
    """
    return model if rank == 0 else _peft().get_peft_model(model, lora_config(rank))


def merged(model: Any) -> Any:
    """Return a model without adapters, whose weights hold what they had learnt."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def _peft() -> Any:
    """Return the library, which is large, and which models trained as a whole do without."""
    try:
        import peft
    except ImportError as error:
        raise MissingExtraError(
            f"Low-rank adapters need {error.name}, which is not installed: pip install 'maestro-env[llm]', or give "
            "lora_rank = 0, which trains all weights."
        ) from error
    return peft
