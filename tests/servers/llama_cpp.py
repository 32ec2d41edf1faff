"""llama.cpp's own server, which xllamacpp brings as a library: `python tests/servers/llama_cpp.py --gguf FILE`.

It needs nothing of ours, so that it runs in an environment that holds xllamacpp alone.
"""

import argparse
import importlib
import threading
from typing import Any


def serve(gguf: str, *, name: str, port: int, slots: int, window: int) -> Any:
    """Start the server, and return what keeps it running."""
    llama: Any = importlib.import_module("xllamacpp")
    settings = llama.CommonParams()
    settings.model.path = gguf
    settings.model_alias = {name}
    settings.port = port
    settings.n_parallel = slots
    settings.n_ctx = slots * window
    settings.endpoint_metrics = True
    return llama.Server(settings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", required=True, help="file of the model")
    parser.add_argument("--name", default="smollm2-135m", help="what it is served under (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8124, help="default: %(default)s")
    parser.add_argument("--slots", type=int, default=4, help="requests at once (default: %(default)s)")
    parser.add_argument("--window", type=int, default=2048, help="tokens of a request (default: %(default)s)")
    given = parser.parse_args()
    running = serve(given.gguf, name=given.name, port=given.port, slots=given.slots, window=given.window)
    threading.Event().wait()
