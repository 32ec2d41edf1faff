"""Question and view as one vector of comparable parts. Agents that measure distances or fit weights share this."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How a block of features is brought to a common size: centred, then divided by one number for the whole block."""

    mean: NDArray[np.float32]
    """[F]"""
    size: float
    """Root mean square distance from the mean; 1 where all rows are the same."""

    def apply(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return [n, F] scaled values."""
        return ((values - self.mean) / np.float32(self.size)).astype(np.float32)


def fit_scaling(values: NDArray[np.floating]) -> Scaling:
    """Return the scaling under which [m, F] values have a mean squared length of 1."""
    rows = values.astype(np.float64)
    mean = rows.mean(axis=0)
    size = float(np.sqrt(((rows - mean) ** 2).sum(axis=1).mean()))
    return Scaling(mean=mean.astype(np.float32), size=size if size > 0 else 1.0)


@dataclass(frozen=True, kw_only=True)
class Features:
    """The scalings of both parts; questions have D entries and views V."""

    question: Scaling
    view: Scaling

    @classmethod
    def fit(cls, question: NDArray[np.floating], view: NDArray[np.floating]) -> Self:
        """Return the features under which [m, D] questions and [m, V] views each have a mean squared length of 1."""
        return cls(question=fit_scaling(question), view=fit_scaling(view))

    def of(
        self, question: NDArray[np.floating], view: NDArray[np.floating], *, view_weight: float = 1.0
    ) -> NDArray[np.float32]:
        """Return [n, D + V] features of [n, D] questions and [n, V] views.

        Args:
            question: Embeddings of the questions.
            view: Embeddings of what is shown.
            view_weight: Weight of the view's squared distance against the question's.
        """
        scaled = self.view.apply(view) * np.float32(np.sqrt(view_weight))
        return np.concatenate([self.question.apply(question), scaled], axis=1)

    def network_inputs(self, question: NDArray[np.floating], view: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return [n, D + V] features whose entries have a variance of about 1, which suits a network's first weights.

        Args:
            question: [n, D] embeddings of the questions.
            view: [n, V] embeddings of what is shown.
        """
        widths = [question.shape[1]] * question.shape[1] + [view.shape[1]] * view.shape[1]
        return self.of(question, view) * np.sqrt(np.array(widths, np.float32))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the scalings as plain arrays, to be saved."""
        return {
            "question_mean": self.question.mean,
            "question_size": np.array(self.question.size),
            "view_mean": self.view.mean,
            "view_size": np.array(self.view.size),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the features whose `arrays` these are."""
        return cls(
            question=Scaling(mean=arrays["question_mean"], size=float(arrays["question_size"])),
            view=Scaling(mean=arrays["view_mean"], size=float(arrays["view_size"])),
        )
