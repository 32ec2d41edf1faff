"""The cache: what was answered is not asked again; failures are; several processes, kills and limits."""

import multiprocessing
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from maestro_env.backends.cache import Cache, CachedBackend, call_key, reply_from_json, reply_to_json
from maestro_env.errors import CacheError, ConfigurationError
from maestro_env.testing import FakeBackend, fake_region, fake_registry, fake_reply
from maestro_env.types import WHOLE, Context, Expert, Status, Task

CONTEXT = Context(id=WHOLE)
EXPERT = fake_registry().expert("chart/Direct")
TASK = Task(id="t", benchmark="b", split="test", question="How many?", images=(), gold="4")


def test_cache__keeps_texts(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "cache.sqlite")
    assert cache.get("k") is None
    cache.put("k", "ü")
    cache.put("k", "another")
    assert cache.get("k") == "ü"  # the first one stays
    assert (cache.size().num_entries, cache.size().num_bytes) == (1, 1 + 2)
    cache.close()
    assert Cache(tmp_path / "deep" / "cache.sqlite").get("k") == "ü"


def clock(times: list[float]) -> Callable[[], float]:
    return lambda: times[0]


def test_cache__the_least_recently_used_go_first(tmp_path: Path) -> None:
    now_s = [0.0]
    cache = Cache(tmp_path / "c", max_bytes=50, clock=clock(now_s))
    for n in range(4):  # each 1 + 9 = 10 bytes
        now_s[0] = 10_000.0 * n
        cache.put(str(n), "x" * 9)
    now_s[0] = 50_000.0
    assert cache.get("0")
    cache.put("4", "x" * 9)
    assert cache.size().num_bytes == 50
    cache.put("5", "x" * 9)
    # 60 bytes are more than 50: pruned to 45, so the two that were used longest ago go, 1 and 2.
    assert [key for key in "012345" if cache.get(key)] == ["0", "3", "4", "5"]
    assert cache.size().num_bytes == 40


def test_cache__prune(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", max_bytes=None)
    for n in range(100):
        cache.put(f"{n:02d}", "x" * 9998)
    before = (tmp_path / "c").stat().st_size + (tmp_path / "c-wal").stat().st_size
    assert cache.prune(200_000) == 80
    assert cache.size().num_bytes == 200_000
    cache.close()
    assert (tmp_path / "c").stat().st_size < before / 2


def test_cache__refuses_a_size_that_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="max_bytes=0; expected 1 or more"):
        Cache(tmp_path / "c", max_bytes=0)


def test_cache__another_file(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("This is a poem, and not a short one, by someone else.\n" * 100)
    with pytest.raises(CacheError, match=r"cache .*/c cannot be used .*Give another path, or remove"):
        Cache(tmp_path / "c")


def test_cache__damaged(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c")
    for n in range(500):
        cache.put(str(n), "x" * 500)
    cache.prune(10**9)
    cache.close()
    content = bytearray((tmp_path / "c").read_bytes())
    content[8192:] = b"\x5a" * len(content[8192:])
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(CacheError, match="cannot be used"):
        [Cache(tmp_path / "c").get(str(n)) for n in range(500)]


def _fill(path: Path, worker: int) -> None:
    cache = Cache(path, max_bytes=None)
    for n in range(200):
        cache.put(f"shared {n}", f"value {n}")
        cache.put(f"own {worker} {n}", f"value {n}")
    cache.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cache__several_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fill, args=(tmp_path / "c", worker)) for worker in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    cache = Cache(tmp_path / "c")
    assert cache.size().num_entries == 200 + 2 * 200
    assert all(cache.get(f"own {worker} {n}") == f"value {n}" for worker in range(2) for n in range(200))


WRITER = """
import sys
from pathlib import Path
from maestro_env.backends.cache import Cache
cache = Cache(Path(sys.argv[1]), max_bytes=None)
n = 0
while True:
    cache.put(str(n), "x" * 1000)
    print(n, flush=True)
    n += 1
"""


def test_cache__a_kill_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    for round_ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / f"c{round_}")], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(50 + 7 * round_):
                writer.stdout.readline()
            writer.kill()
            kept = 50 + 7 * round_
            kept += len(writer.stdout.read().split("\n")) - 1
        cache = Cache(tmp_path / f"c{round_}")
        assert all(cache.get(str(n)) == "x" * 1000 for n in range(kept))
        # One more may have been kept than was said.
        assert cache.size().num_entries in (kept, kept + 1)


def test_cache__threads_share_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c")

    def fill(worker: int) -> None:
        for n in range(100):
            cache.put(f"{worker} {n}", "x")

    threads = [threading.Thread(target=fill, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.size().num_entries == 400


def test_cache__the_file_is_sqlites(tmp_path: Path) -> None:
    Cache(tmp_path / "c").close()
    mode = sqlite3.connect(tmp_path / "c").execute("PRAGMA journal_mode").fetchone()
    assert mode == ("wal",)


def test_cached__asks_once(tmp_path: Path) -> None:
    asked = FakeBackend({"chart/Direct": [fake_reply("4", context=fake_region()), fake_reply("5")]})
    backend = CachedBackend(asked, Cache(tmp_path / "c"))
    first = backend.invoke(TASK, CONTEXT, EXPERT)
    again = backend.invoke(replace(TASK, id="u", gold="7"), CONTEXT, EXPERT)
    assert first == again == fake_reply("4", context=fake_region())
    assert len(asked.calls) == 1


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_cached__failures_are_asked_again(tmp_path: Path, status: Status) -> None:
    failed = replace(fake_reply(None), status=status)
    asked = FakeBackend({"chart/Direct": [failed, fake_reply("4")]})
    backend = CachedBackend(asked, Cache(tmp_path / "c"))
    assert backend.invoke(TASK, CONTEXT, EXPERT) == failed
    assert backend.invoke(TASK, CONTEXT, EXPERT) == fake_reply("4")
    assert backend.invoke(TASK, CONTEXT, EXPERT) == fake_reply("4")
    assert len(asked.calls) == 2


def key(task: Task = TASK, context: Context = CONTEXT, expert: Expert = EXPERT, fingerprint: str = "") -> str:
    return call_key(task, context, expert, fingerprint=fingerprint)


def test_key__what_a_reply_depends_on(tmp_path: Path) -> None:
    for name, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    shown = {name: replace(TASK, images=(str(tmp_path / f"{name}.png"),)) for name in "abc"}
    different = {
        key(),
        key(replace(TASK, question="How few?")),
        key(replace(TASK, choices=("1",))),
        key(shown["a"]),
        key(shown["c"]),
        key(context=fake_region()),
        key(context=replace(CONTEXT, text="evidence")),
        key(expert=fake_registry().expert("counting/Direct")),
        key(expert=fake_registry().expert("generalist/Perception_Problem_Solver")),
        key(fingerprint="temperature 1"),
    }
    assert len(different) == 10
    assert key(shown["a"]) == key(shown["b"])  # the same pixels under another name


def test_reply__to_json_and_back() -> None:
    reply = replace(fake_reply("4", context=fake_region()), status=Status.OK, cost_usd=0.25, prompt_tokens=7)
    assert reply_from_json(reply_to_json(reply)) == reply
