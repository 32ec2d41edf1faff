"""Pictures for models that can see: placeholders in the prompt, and the tensors that stand behind them.

Written for models of Qwen's kind (Qwen2-VL and after). They cut a picture into patches, lay the patches of all pictures
of a batch in one long row, and merge every few of them into one token of the prompt; so pictures of different sizes
take different numbers of tokens, and stand side by side without being padded. Which pictures a row shows is told by its
prompt alone: what is said later is text.

Axes: B rows, T tokens, N pictures, S patches of all pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, final

from maestro_agents.llm.generation import Tokeniser
from maestro_env.errors import ConfigurationError, MissingExtraError
from maestro_env.text.view import View

try:
    import torch
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.pictures needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error

_KEPT = 16
"""Views whose patches are kept: the episodes of a group ask for the same ones, turn after turn. A picture of 768 x 768
pixels has 14 MB of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patches:
    """The pictures of a view as a model takes them."""

    pixels_SC: torch.Tensor
    """Each patch laid flat."""
    grid_N3: torch.Tensor
    """Patches of each picture in time, height and width."""


@final
class PictureProcessor:
    """What a model's own image processor and tokens make of pictures."""

    def __init__(self, image_processor: Any, config: Any, tokeniser: Tokeniser) -> None:
        """Keep the image processor, and look up which tokens stand for pictures.

        Args:
            image_processor: One of `transformers` whose patches stand in one row.
            config: Of the model.
            tokeniser: Of the model.
        """
        self.image_processor = image_processor
        self._placeholder_id = int(config.image_token_id)
        self._end_id = int(config.vision_end_token_id)
        self._placeholder = tokeniser.decode([self._placeholder_id])
        self.mark = tokeniser.decode([int(config.vision_start_token_id), self._placeholder_id, self._end_id])
        """How one picture is written before its size is known."""
        self.patches = lru_cache(maxsize=_KEPT)(self._patches)
        """Of a view; the latest are kept."""

    def save(self, folder: str | Path) -> None:
        """Write the image processor's settings into a model's folder."""
        self.image_processor.save_pretrained(str(folder))

    def num_tokens(self, view: View) -> tuple[int, ...]:
        """Return how many tokens each picture of a view takes.

        Raises:
            TaskError: A picture cannot be drawn or read.
        """
        numbers: list[int] = (self.patches(view).grid_N3.prod(dim=-1) // self.image_processor.merge_size**2).tolist()
        return tuple(numbers)

    def fill(self, text: str, views: Sequence[View]) -> str:
        """Return a prompt whose placeholders are as many as its pictures have tokens.

        Args:
            text: With one placeholder for each picture.
            views: What is shown, in the order of the placeholders.

        Raises:
            ConfigurationError: There are more or fewer placeholders than pictures.
            TaskError: A picture cannot be drawn or read.
        """
        first, *rest = text.split(self._placeholder)
        numbers = [number for view in views for number in self.num_tokens(view)]
        if len(rest) != len(numbers):
            raise ConfigurationError(
                f"The prompt holds {len(rest)} placeholders {self._placeholder!r} for {len(numbers)} pictures, and "
                "needs one for each. Give a chat template that writes it for every part of type 'image', or "
                "layout='plain'."
            )
        return first + "".join(self._placeholder * number + piece for number, piece in zip(numbers, rest, strict=True))

    def inputs(self, ids_BT: torch.Tensor, views_B: Sequence[Sequence[View]]) -> dict[str, torch.Tensor]:
        """Return what a model is given beside its tokens; nothing where no row shows a picture.

        Args:
            ids_BT: The tokens, filled up on either side.
            views_B: What the prompt of each row shows.

        Raises:
            TaskError: A picture cannot be drawn or read.
        """
        shown = [self.patches(view) for views in views_B for view in views]
        if not shown:
            return {}
        numbers_B = [sum(number for view in views for number in self.num_tokens(view)) for views in views_B]
        placeholders_BT = ids_BT == self._placeholder_id
        # The prompt comes first, and holds as many as its pictures need. Any further one was written by the policy.
        first_BT = placeholders_BT.cumsum(dim=1) <= torch.tensor(numbers_B, device=ids_BT.device)[:, None]
        return {
            "pixel_values": torch.cat([each.pixels_SC for each in shown]).to(ids_BT.device),
            "image_grid_thw": torch.cat([each.grid_N3 for each in shown]).to(ids_BT.device),
            "mm_token_type_ids": (placeholders_BT & first_BT).long(),
        }

    def let_write_placeholders(self, model: torch.nn.Module) -> None:
        """Let a policy write the placeholder like any other token, though no picture stands behind it.

        A model refuses tokens that do not go with its pictures, and forbidding one token when a turn is drawn would
        give all others another probability than they have in the loss. So a placeholder that stands for no picture is
        read as the end of one, wherever the model runs: while playing, in the warm start, in the loss.

        Args:
            model: Is changed, and with it copies that are made of it; what it saves is not.
        """
        placeholder_id, end_id = self._placeholder_id, self._end_id

        def read(module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            del module
            ids_BT, types_BT = kwargs["input_ids"], kwargs.get("mm_token_type_ids")
            written_BT = ids_BT == placeholder_id
            if types_BT is not None:
                written_BT = written_BT & (types_BT == 0)
            return args, {**kwargs, "input_ids": ids_BT.masked_fill(written_BT, end_id)}

        _backbone(model).register_forward_pre_hook(read, with_kwargs=True)

    def _patches(self, view: View) -> Patches:
        made = self.image_processor(images=list(view.load()), return_tensors="pt")
        return Patches(pixels_SC=made["pixel_values"], grid_N3=made["image_grid_thw"])


def can_be_shown_pictures(config: Any, image_processor: Any) -> bool:
    """Return whether a model is of the kind that this file is written for."""
    names = ("image_token_id", "vision_start_token_id", "vision_end_token_id")
    return hasattr(image_processor, "merge_size") and all(hasattr(config, name) for name in names)


def places(
    model: torch.nn.Module, ids_BT: torch.Tensor, attend_BT: torch.Tensor, shown: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where tokens stand, and by how much less than its tokens a row has advanced.

    The tokens of a picture stand in rows and columns, so that a picture advances its row by its longer side alone.

    Args:
        model: Whose positions they are.
        ids_BT: Prompts, filled up on the left.
        attend_BT: 1 on tokens, 0 on filling.
        shown: What `PictureProcessor.inputs` returned.

    Returns:
        Positions [3, B, T], in time, height and width, and [B, 1], added to the number of tokens before a later one.
    """
    found: tuple[torch.Tensor, torch.Tensor] = _backbone(model).get_rope_index(
        ids_BT,
        mm_token_type_ids=shown["mm_token_type_ids"],
        image_grid_thw=shown["image_grid_thw"],
        attention_mask=attend_BT,
    )
    return found


def _backbone(model: torch.nn.Module) -> Any:
    """Return the part of a model that knows where tokens stand, whatever adapters are wrapped around it."""
    return next(module for module in model.modules() if hasattr(type(module), "get_rope_index"))
