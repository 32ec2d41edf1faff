"""The error model: one class per boundary, each message saying what was given, what was expected, what to do.

A caller's mistake raises at once. A failing expert does not raise: it is a `Reply` whose status says so,
because a bad call is data and not a crash.
"""

import difflib
from collections.abc import Iterable


class MaestroError(Exception):
    """Base of every error that this package raises on purpose."""


class UnknownNameError(MaestroError, LookupError):
    """A name that is not among the known ones: an expert, registry, recording, split, benchmark or option."""


class RegistryError(MaestroError, ValueError):
    """A registry that contradicts itself, or a catalog file that cannot be read."""


class RecordingError(MaestroError, ValueError):
    """A recording that is incomplete, damaged, or of another schema version."""


class TaskError(MaestroError, ValueError):
    """A task that cannot be rendered, loaded or scored."""


class ActionError(MaestroError, ValueError):
    """An action outside the action space, or a masked one in a strict environment."""


class ConfigurationError(MaestroError, ValueError):
    """An argument of the environment, an agent or a command that has no meaning."""


class ProtocolError(MaestroError, ValueError):
    """What the text protocol cannot express: a move, a registry's names, or a prompt within its limit."""


class CacheError(MaestroError, ValueError):
    """A cache on disk that cannot be opened, read or written."""


class ServerError(MaestroError, ConnectionError):
    """A model server that cannot be reached, is too slow, refuses, or answers something else than what was agreed."""


class MissingExtraError(MaestroError, ImportError):
    """A feature whose optional dependency is not installed; the message names the extra."""


def unknown_name(kind: str, given: object, known: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name; its message names the nearest known ones.

    Args:
        kind: What was looked up, as the message should call it: "expert", "split", …
        given: What the caller gave.
        known: Every name that would have been right.
    """
    names = [str(name) for name in known]  # members of an enumeration included
    near = difflib.get_close_matches(str(given), names, n=3)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(map(repr, names))}."
    return UnknownNameError(f"Unknown {kind} {given!r}. {hint}")
