"""Learning curves of a language-model policy on held-out tasks, as a figure. Nothing is computed or played here."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.plots import COLOURS, GRID, PALE, STYLE

_PANELS = (("accuracy", "accuracy (%)"), ("well_formed", "well-formed episodes (%)"))


def learning_curves(curves: Sequence[Sequence[Mapping[str, Any]]], *, source: str) -> Figure:
    """Draw accuracy and well-formedness against the steps of training, a line a seed.

    Args:
        curves: By seed: the evaluations, each with `step`, `num_episodes` and, for either figure, its value and 95 %
            interval, such as `accuracy`, `accuracy_low` and `accuracy_high`.
        source: Command, commit and hardware; stands under the figure.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.9), dpi=160, layout="constrained")
        for axes, (key, label) in zip(figure.subplots(1, 2), _PANELS, strict=True):
            axes.set_axisbelow(True)
            axes.grid(color=GRID, linewidth=0.8)
            for number, (curve, colour) in enumerate(zip(curves, COLOURS[1:] * len(curves), strict=False), 1):
                steps = [point["step"] for point in curve]
                axes.plot(steps, [100 * point[key] for point in curve], color=colour, marker="o", label=f"run {number}")
                low, high = ([100 * point[f"{key}_{side}"] for point in curve] for side in ("low", "high"))
                axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
            axes.set_xlabel("steps of GRPO")
            axes.set_ylabel(label)
            axes.set_ylim(0, 100)
            axes.set_xlim(left=0)
        if len(curves) > 1:
            figure.axes[0].legend(frameon=False)
        tasks = curves[0][0]["num_episodes"]
        figure.suptitle(
            f"On {tasks} held-out tasks, greedily; bands are 95 % intervals over tasks", fontsize=10, color=PALE
        )
        figure.supxlabel(source, fontsize=6.5, color=PALE, x=0.99, ha="right")
    return figure
