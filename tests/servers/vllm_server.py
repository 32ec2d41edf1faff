"""Starts vLLM's server on this machine's CPU, and reads what it counts. What is asked of it is the tests' business."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 600
"""A server that has not come up by then never will."""

ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
"""What vLLM is to be told on a CPU, in process or as a server: a gigabyte for what it keeps, and no network."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a server counted since it started."""

    requests: int
    """Finished or given up."""
    prompt_tokens: int
    completion_tokens: int

    def since(self, before: "Used") -> "Used":
        """Return what came on top of an earlier count."""
        return Used(
            requests=self.requests - before.requests,
            prompt_tokens=self.prompt_tokens - before.prompt_tokens,
            completion_tokens=self.completion_tokens - before.completion_tokens,
        )


@dataclass(frozen=True, kw_only=True)
class VllmServer:
    """A server that is running."""

    base_url: str

    def used(self) -> Used:
        """Return what it counted, as its own metrics say."""
        counts = metrics(f"{self.base_url.removesuffix('/v1')}/metrics")
        return Used(
            requests=round(counts["vllm:request_success_total"]),
            prompt_tokens=round(counts["vllm:prompt_tokens_total"]),
            completion_tokens=round(counts["vllm:generation_tokens_total"]),
        )


@contextmanager
def serving(
    folder: Path, name: str, *, log: Path, window: int, options: Sequence[str] = ()
) -> Generator[VllmServer, None, None]:
    """Serve the model of a folder until the block ends.

    Args:
        folder: Of the model.
        name: That it is served under.
        log: File for what the server prints.
        window: Most tokens of a prompt and its completion.
        options: Further arguments.
    """
    port = free_port()
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)),
        *("--served-model-name", name, "--host", "127.0.0.1", "--port", str(port)),
        *("--enforce-eager", "--dtype", "float32", "--max-model-len", str(window), *options),
    ]
    # A server has its engine in a process of its own, whatever the engine of this process was told.
    inherited = {key: value for key, value in os.environ.items() if key != "VLLM_ENABLE_V1_MULTIPROCESSING"}
    with (
        log.open("wb") as written,
        subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, env=inherited | ENVIRONMENT) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/v1/models", process, log)
            yield VllmServer(base_url=f"http://127.0.0.1:{port}/v1")
        finally:
            process.terminate()


def wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return as soon as a server answers.

    Raises:
        RuntimeError: It ended, or took too long.
    """
    for _ in range(START_S):
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with status {process.returncode}: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(1)
    raise RuntimeError(f"The server did not answer within {START_S} s: {log.read_text()[-2000:]}")


def metrics(address: str) -> Mapping[str, float]:
    """Return what a server counts, summed over labels, by name."""
    with urllib.request.urlopen(address, timeout=30) as response:
        lines = response.read().decode().splitlines()
    counts: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        if line and not line.startswith("#"):
            counted, _, value = line.rpartition(" ")
            counts[counted.partition("{")[0]] += float(value)
    return counts


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
