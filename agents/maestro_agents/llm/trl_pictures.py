"""How pictures get into TRL's loss: by a processor that knows which episodes were just played.

TRL takes tokens back from `rollout_func`, but no pictures. Those of the data set's column `images` it makes into
tensors by itself, once the episodes are played: it has a processor render the data set's prompt, and run on the result.
The data set's prompt is a task's id here, and its pictures are references, of which TRL only needs to know how many
there are. This processor is given both, and returns what belongs to the prompts that were really played.
"""

# What is overridden is called by TRL alone, with the arguments that are named here.
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

from maestro_agents.llm.pretrained import Pretrained
from maestro_agents.llm.rollout import Rollout
from maestro_env.errors import MissingExtraError

try:
    import torch
    from transformers import ProcessorMixin
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.trl_pictures needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error


@final
class PlayedPictures(ProcessorMixin):
    """Stands where TRL expects a model's processor."""

    def __init__(self, pretrained: Pretrained) -> None:
        """Keep the tokeniser and the image processor.

        Args:
            pretrained: A model that can be shown pictures.
        """
        assert pretrained.pictures is not None, "only a model that can see needs this"
        self.tokenizer = pretrained.tokeniser.inner
        self.played: Sequence[Rollout] = ()
        """The episodes of the batch, in TRL's order."""
        self._pictures = pretrained.pictures
        self._pad_id = pretrained.tokeniser.pad_id

    def apply_chat_template(self, conversation: Any, **_: Any) -> str:
        """Return the task's id: what a prompt looks like is the layout's business."""
        return task_of(conversation)

    def __call__(self, **_: Any) -> dict[str, torch.Tensor]:
        """Return the pictures of the episodes that were played; prompts are filled up on the left, as TRL does it."""
        width = max(len(rollout.prompt_ids) for rollout in self.played)
        rows = [[self._pad_id] * (width - len(each.prompt_ids)) + [*each.prompt_ids] for each in self.played]
        return self._pictures.inputs(torch.tensor(rows), [rollout.views for rollout in self.played])

    def batch_decode(self, sequences: Any, **chosen: Any) -> Any:
        """Return the texts of tokens."""
        return self.tokenizer.batch_decode(sequences, **chosen)

    def save_pretrained(self, save_directory: str | Path, **_: Any) -> None:
        """Write what a model needs beside its weights into a checkpoint."""
        self.tokenizer.save_pretrained(str(save_directory))
        self._pictures.save(save_directory)


def task_of(messages: Sequence[Any]) -> str:
    """Return the id of the task that a prompt of the data set names, which TRL may have put pictures around."""
    content = messages[0]["content"]
    return str(content if isinstance(content, str) else content[-1]["text"])
