"""What there is to see in a context: as pictures, loaded when they are asked for, and in a few words."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.recordings.recording import Recording
from maestro_env.skills.crops import box_of, crop
from maestro_env.tasks import load_image
from maestro_env.types import Context

_NUM_FEATURES_NAMED = 3
"""From three, naive Bayes tells the benchmark of 96 % of the embedded world's validation pictures; from one, 78 %;
from six, no more than from three."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What a context shows of a task's pictures."""

    images: tuple[str, ...]
    """References, as the task has them."""
    context: Context

    @property
    def num_images(self) -> int:
        """How many pictures `load` returns."""
        return len(self.images) if self.context.box is None else 1

    def load(self) -> tuple[Image.Image, ...]:
        """Return all pictures, or the region of the first that the context shows, in their full resolution.

        Raises:
            TaskError: A picture cannot be drawn or read.
        """
        if self.context.box is None:
            return tuple(load_image(reference) for reference in self.images)
        first = load_image(self.images[0])
        return (crop(first, box_of(first, self.context)),)


def in_words(view: View, embedding: NDArray[np.float32], recording: Recording) -> str:
    """Return what a policy without eyes can be told of a view: its place, and which features are strongest.

    Features are entries of the view's embedding, as `Maestro-v0` observes it, each compared with the whole pictures of
    the recording's training tasks. Their numbers mean nothing by themselves; what they go with can be learnt.

    Args:
        view: What is shown.
        embedding: [V] of it.
        recording: Whose pictures are the measure.
    """
    mean, spread = _usual(recording)
    strongest = np.argsort(-(embedding - mean) / spread, kind="stable")[:_NUM_FEATURES_NAMED]
    features = " ".join(f"v{feature}" for feature in strongest.tolist())
    return f"{place(view.context)}; strongest features {features}"


def place(context: Context) -> str:
    """Return which part of the picture a context shows."""
    if context.box is None:
        return "the whole picture"
    box = context.box
    return f"a region of {box.width:.0f} x {box.height:.0f} px at left {box.left:.0f}, top {box.top:.0f}"


@lru_cache(maxsize=4)
def _usual(recording: Recording) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and spread [V] of each feature over the whole pictures of training tasks; of all tasks if none is."""
    training = np.array([split == "train" for split in recording.task_splits])
    whole = recording.view[:, 0].astype(np.float32)
    chosen = whole[training] if training.any() else whole
    spread = chosen.std(axis=0)
    return chosen.mean(axis=0), np.where(spread > 0, spread, 1.0).astype(np.float32)
