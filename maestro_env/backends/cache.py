"""A cache on disk: what was answered once is not asked, or paid, again. For several processes at once.

`Cache` keeps texts under keys in one SQLite file; `CachedBackend` keeps a backend's replies in it. The backend of
endpoints keeps single completions instead, so that experts share what their skills have in common.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from maestro_env.backends.base import Backend
from maestro_env.errors import CacheError, ConfigurationError
from maestro_env.tasks import load_image
from maestro_env.types import Box, Context, Expert, Reply, Status, Task

DEFAULT_MAX_BYTES = 2**30

_BUSY_S = 60.0
"""Longest wait for another process that is writing; a write takes less than a millisecond."""
_USED_RESOLUTION_S = 3600.0
"""An entry's last use is written down again only after this long: a read should not be a write."""
_PRUNED_SHARE = 0.9
"""What a full cache is pruned to: pruning at every entry would be slow."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, num_bytes INTEGER NOT NULL, used_s REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_use ON entries (used_s);
CREATE TABLE IF NOT EXISTS total (one INTEGER PRIMARY KEY CHECK (one = 1), num_entries INTEGER, num_bytes INTEGER);
INSERT OR IGNORE INTO total VALUES (1, 0, 0);
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON entries BEGIN
    UPDATE total SET num_entries = num_entries + 1, num_bytes = num_bytes + NEW.num_bytes;
END;
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON entries BEGIN
    UPDATE total SET num_entries = num_entries - 1, num_bytes = num_bytes - OLD.num_bytes;
END;
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheSize:
    """How full a cache is."""

    num_entries: int
    num_bytes: int
    """Of keys and values; the file is somewhat larger."""


class Cache:
    """Texts under keys in one file, the least recently used of which go when it is full.

    An entry is there whole or not at all, also after the process was killed. Threads may share one.

    Args:
        path: The file; its folder is made if need be.
        max_bytes: Of keys and values; None keeps everything.
        clock: Seconds since an epoch that all processes share.

    Raises:
        ConfigurationError: A size that is not positive.
        CacheError: The file cannot be opened, or is no cache.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int | None = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if max_bytes is not None and max_bytes < 1:
            raise ConfigurationError(f"max_bytes={max_bytes}; expected 1 or more, or None to keep everything.")
        self.path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = Lock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            # In this mode readers and one writer do not wait for each other; NORMAL keeps all that was written when
            # the process is killed, and leaves the file sound, if a little older, when the power fails.
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_SCHEMA)

    def get(self, key: str) -> str | None:
        """Return what is kept under a key; None if nothing is."""
        with self._lock, self._explained():
            row = self._database.execute("SELECT value, used_s FROM entries WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            now_s = self._clock()
            if now_s - row[1] > _USED_RESOLUTION_S:
                self._database.execute("UPDATE entries SET used_s = ? WHERE key = ?", (now_s, key))
        return row[0]

    def put(self, key: str, value: str) -> None:
        """Keep a text under a key. What is there already stays: whoever came first has been believed since."""
        entry = (key, value, len(key) + len(value.encode()), self._clock())
        with self._lock, self._explained():
            self._database.execute("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?)", entry)
            if self._max_bytes is not None and self._size().num_bytes > self._max_bytes:
                self._prune(int(self._max_bytes * _PRUNED_SHARE))

    def size(self) -> CacheSize:
        """Return how full it is."""
        with self._lock, self._explained():
            return self._size()

    def prune(self, max_bytes: int) -> int:
        """Remove the least recently used entries until at most `max_bytes` are left, and give their room back.

        Returns:
            How many were removed.
        """
        with self._lock, self._explained():
            num_removed = self._prune(max_bytes)
            self._database.execute("VACUUM")
        return num_removed

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _size(self) -> CacheSize:
        num_entries, num_bytes = self._database.execute("SELECT num_entries, num_bytes FROM total").fetchone()
        return CacheSize(num_entries=num_entries, num_bytes=num_bytes)

    def _prune(self, max_bytes: int) -> int:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            excess = self._size().num_bytes - max_bytes
            removed: list[tuple[str]] = []
            for key, num_bytes in self._database.execute("SELECT key, num_bytes FROM entries ORDER BY used_s, key"):
                if excess <= 0:
                    break
                removed.append((key,))
                excess -= num_bytes
            self._database.executemany("DELETE FROM entries WHERE key = ?", removed)
        finally:
            self._database.execute("COMMIT")
        return len(removed)

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise CacheError(
                f"The cache {self.path} cannot be used ({error}); expected a file of `maestro cache` on a disk that "
                "can be written. Give another path, or remove the file: what it holds will be asked again."
            ) from error


class CachedBackend:
    """Any backend, whose replies are kept; failures are not.

    Args:
        backend: Answers what is not kept.
        cache: Where replies are kept.
        fingerprint: What else the replies depend on, such as sampling parameters and versions.
    """

    def __init__(self, backend: Backend, cache: Cache, *, fingerprint: str = "") -> None:
        self._backend = backend
        self._cache = cache
        self._fingerprint = fingerprint

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        """Return what an expert replies to a task in a context: as it did the first time, costs included.

        Raises:
            UnknownNameError: The backend does not know the task, the context or the expert.
        """
        key = call_key(task, context, expert, fingerprint=self._fingerprint)
        kept = self._cache.get(key)
        if kept is not None:
            return reply_from_json(kept)
        reply = self._backend.invoke(task, context, expert)
        if reply.status is Status.OK:
            self._cache.put(key, reply_to_json(reply))
        return reply


def call_key(task: Task, context: Context, expert: Expert, *, fingerprint: str) -> str:
    """Return what a reply depends on, as a hash: the expert, the question, the pictures' pixels and the context.

    The gold answer is not in it, nor the task's id: the same question about the same picture is the same call.
    """
    document = {
        "expert": [asdict(expert.model), expert.skill.name],
        "question": [task.question, *task.choices],
        "pictures": [_pixels_sha256(reference) for reference in task.images],
        "context": asdict(context),
        "fingerprint": fingerprint,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=4096)
def _pixels_sha256(reference: str) -> str:
    image = load_image(reference)
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()


def reply_to_json(reply: Reply) -> str:
    """Return a reply as text."""
    return json.dumps(asdict(reply))


def reply_from_json(text: str) -> Reply:
    """Return the reply that `reply_to_json` wrote."""
    fields: dict[str, Any] = json.loads(text)
    next_context = fields.pop("next_context")
    box = next_context.pop("box")
    fields["status"] = Status(fields["status"])
    return Reply(
        **fields,
        next_context=Context(**next_context, box=None if box is None else Box(**box)),
    )
