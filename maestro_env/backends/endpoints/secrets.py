"""Keys of endpoints: read from the environment when they are needed, and never shown."""

import os
from collections.abc import Mapping

from maestro_env.errors import ConfigurationError

HIDDEN = "[key]"

SHORTEST_KEY = 8
"""Characters. What is shorter, such as `EMPTY`, stands for no key at all, and may be part of what a model says."""


class Secret:
    """A key that neither prints nor pickles."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A key is never pickled; each process reads its own from the environment.")

    def reveal(self) -> str:
        """Return the key, for the header of a request and nothing else."""
        return self._value

    def is_in(self, text: str) -> bool:
        """Whether a text holds the key."""
        return len(self._value) >= SHORTEST_KEY and self._value in text

    def redact(self, text: str) -> str:
        """Return what a server said without the key, should the server repeat it."""
        return text.replace(self._value, HIDDEN) if self.is_in(text) else text

    def redact_bytes(self, content: bytes) -> bytes:
        """Return the same of what is not yet decoded."""
        key = self._value.encode()
        return content.replace(key, HIDDEN.encode()) if len(key) >= SHORTEST_KEY and key in content else content


def read_secret(variable: str, *, endpoint: str, environment: Mapping[str, str] = os.environ) -> Secret:
    """Return the key that an environment variable holds; an empty one where no variable is named.

    Raises:
        ConfigurationError: The variable is not set, or holds what no header can.
    """
    if not variable:
        return Secret("")
    value = environment.get(variable, "").strip()
    if not value:
        raise ConfigurationError(
            f"Endpoint {endpoint!r} takes its key from the environment variable {variable}, which is not set; "
            f"set it, or remove api_key_env from the registry file if the server asks for no key."
        )
    if not (value.isascii() and value.isprintable()):
        raise ConfigurationError(
            f"The environment variable {variable} of endpoint {endpoint!r} holds characters that no HTTP header can; "
            "expected printable ASCII. Set it again."
        )
    return Secret(value)
