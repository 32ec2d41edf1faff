"""What every backend answers: one call of one expert in one context."""

from typing import Protocol, runtime_checkable

from maestro_env.types import Context, Expert, Reply, Task


class Backend(Protocol):
    """Answers calls: from a recording, from networks in this process, or over HTTP."""

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        """Return what an expert replies to a task in a context.

        A failing expert is a reply with a status, not an exception.

        Raises:
            UnknownNameError: The backend does not know the task, the context or the expert.
        """
        ...


@runtime_checkable
class Closable(Protocol):
    """What holds connections."""

    def close(self) -> None:
        """Close them."""
        ...


def close_backend(backend: Backend) -> None:
    """Close a backend's connections, if it holds any."""
    if isinstance(backend, Closable):
        backend.close()
