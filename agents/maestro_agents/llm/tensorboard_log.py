"""Figures for TensorBoard. The same ones are in a run's files of JSON lines; this is for looking on while it trains."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, final

from maestro_env.errors import MissingExtraError


@final
class TensorboardLog:
    """A folder that TensorBoard reads."""

    def __init__(self, folder: Path, *, from_step: int = 0) -> None:
        """Open it.

        Args:
            folder: Made with the first figure.
            from_step: What a run that goes on from here will say again is hidden.

        Raises:
            MissingExtraError: tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter  # needs a library that nothing else here needs
        except ImportError as error:
            raise MissingExtraError(
                "--tensorboard needs tensorboard, which is not installed: pip install 'maestro-env[llm]'"
            ) from error
        self._open = partial(SummaryWriter, log_dir=str(folder), purge_step=from_step or None)
        self._writer: Any = None

    def add(self, about: str, step: int, figures: Mapping[str, Any]) -> None:
        """Write every number among figures, those in tables within them too, as `about/name` or `about/table/name`."""
        if self._writer is None:
            self._writer = self._open()
        for name, value in figures.items():
            if isinstance(value, Mapping):
                self.add(f"{about}/{name}", step, value)  # pyright: ignore[reportUnknownArgumentType]
            elif isinstance(value, int | float):
                self._writer.add_scalar(f"{about}/{name}", value, step)

    def close(self) -> None:
        """Write what is still held back."""
        if self._writer is not None:
            self._writer.close()
