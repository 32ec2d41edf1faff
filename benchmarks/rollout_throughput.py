"""Episodes a second against a server that takes its time: ours, and the ways of others.

`python -m benchmarks.rollout_throughput`. A server in a process of its own answers every request a fixed time after it
has come, however many there are, so that what is measured is who asks. 64 episodes, each of a call and an answer, are
played over and over, by turns in one process. The other ways play the same episodes in 24 threads with OpenAI's
synchronous client, an episode a thread at a time: with one client for all, and with a new one for every request.
"""

import argparse
import asyncio
import json
import multiprocessing
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Any

from aiohttp import web
from openai import OpenAI

from benchmarks.provenance import provenance
from benchmarks.throughput.measuring import Play, Rates, by_turns, ratio
from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.generation import Finish, Request, Sampling, Written
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.openai_generator import OpenAIGenerator
from maestro_agents.llm.rollout import Rollout, play
from maestro_agents.llm.server import Server
from maestro_env.text.env import MaestroTextEnv

CALL, ANSWER = "<search> counting@@Direct: how many? </search>", "<answer> 7 </answer>"
OURS, ONE_CLIENT, MANY_CLIENTS = "ours", "24 threads, one client", "24 threads, a client a request"
NUM_EPISODES, NUM_THREADS = 64, 24
ASKED = 8.0
"""Times as many episodes a second as 24 threads."""

_TOKENISER = ByteTokeniser()
_WINDOW = 1 << 20
_SAMPLING = Sampling(max_new_tokens=100)
_REPLIED = _TOKENISER.encode("</information>")[0]


def serve(port: Any, answer_s: float) -> None:
    """Answer completions for ever: with an answer where the prompt ends in an expert's reply, else with a call.

    Args:
        port: A queue that is told the port.
        answer_s: From when a request has come to when it is answered.
    """

    async def completions(request: web.Request) -> web.Response:
        prompt = json.loads(await request.read())["prompt"]
        token_ids = _TOKENISER.encode(ANSWER if _REPLIED in prompt[-3:] else CALL)
        await asyncio.sleep(answer_s)
        logprobs = {"token_logprobs": [-1.0] * len(token_ids)}
        choice = {"index": 0, "text": "", "finish_reason": "stop", "token_ids": token_ids, "logprobs": logprobs}
        head = {"id": "a", "object": "text_completion", "created": 0, "model": "m"}
        return web.json_response({**head, "choices": [choice]})

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/completions", completions)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.put(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def served(answer_s: float) -> Generator[str]:
    """Yield the address of such a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    process = context.Process(target=serve, args=(port, answer_s), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port.get(timeout=60)}/v1"
    finally:
        process.terminate()
        process.join()


class SynchronousGenerator:
    """A model behind OpenAI's synchronous client, asked for one turn at a time."""

    tokeniser = _TOKENISER
    context_length = _WINDOW

    def __init__(self, client_of: Callable[[], OpenAI]) -> None:
        self._client_of = client_of

    def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        return [self._one(request, sampling) for request in requests]

    def _one(self, request: Request, sampling: Sampling) -> Written:
        response = self._client_of().completions.create(
            model="m",
            prompt=list(request.token_ids),
            max_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            stop=list(sampling.stop),
            logprobs=0,
            extra_body={"return_token_ids": True, "include_stop_str_in_output": True},
        )
        choice = response.choices[0].model_dump()
        logprobs = choice["logprobs"]["token_logprobs"]
        return Written(token_ids=tuple(choice["token_ids"]), logprobs=tuple(logprobs), finish=Finish.STOP)


def another(env: MaestroTextEnv) -> MaestroTextEnv:
    """Return an environment over the same recording, for another thread."""
    return MaestroTextEnv(
        recording=env.base.recording, registry=env.registry, split="val", prompt="compact", images=False
    )


def ours(server: Server, env: MaestroTextEnv) -> Play:
    """Return what plays all episodes side by side through our backend."""
    generator = OpenAIGenerator(server, model="m", tokeniser=_TOKENISER, context_length=_WINDOW)

    def once() -> int:
        tasks = env.task_ids[:NUM_EPISODES]
        return _counted(play(env, generator, tasks, sampling=_SAMPLING, layout=Layout()))

    return once


def threaded(client_of: Callable[[], OpenAI], pool: ThreadPoolExecutor, env: MaestroTextEnv) -> Play:
    """Return what plays every episode in a thread of its own, as far as there are any."""
    generator, held = SynchronousGenerator(client_of), threading.local()

    def one(task_id: str) -> Rollout:
        if not hasattr(held, "env"):
            held.env = another(env)
        return play(held.env, generator, [task_id], sampling=_SAMPLING, layout=Layout())[0]

    tasks = env.task_ids[:NUM_EPISODES]
    return lambda: _counted(list(pool.map(one, tasks)))


def measure(*, rounds: int, seconds: float, answer_s: float) -> dict[str, Rates]:
    """Return what each way does, in episodes, round by round."""
    with served(answer_s) as base_url, Server(base_url) as server, ThreadPoolExecutor(NUM_THREADS) as pool:
        shared = OpenAI(base_url=base_url, api_key="none", max_retries=0)
        env = MaestroTextEnv(split="val", prompt="compact", images=False)
        cases = {
            OURS: ours(server, env),
            ONE_CLIENT: threaded(lambda: shared, pool, env),
            MANY_CLIENTS: threaded(lambda: OpenAI(base_url=base_url, api_key="none", max_retries=0), pool, env),
        }
        return by_turns(cases, rounds=rounds, seconds=seconds, told=lambda: None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollout_throughput", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each way (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each, at least (default: %(default)s)")
    parser.add_argument("--answer-s", type=float, default=0.05, help="how long the server takes (default: %(default)s)")
    given = parser.parse_args(arguments)
    source = provenance()
    found = measure(rounds=given.rounds, seconds=given.seconds, answer_s=given.answer_s)
    for name, rates in found.items():
        wall = f"{median(rates.wall):.1f} episodes a second [{min(rates.wall):.1f}, {max(rates.wall):.1f}]"
        print(f"{name}: {wall}, {median(rates.cpu):.1f} a CPU second [{rates.spread[0]:.1f}, {rates.spread[1]:.1f}]")
    for name in (ONE_CLIENT, MANY_CLIENTS):
        middle, low, high = ratio(found[OURS].wall, found[name].wall)
        verdict = "met" if middle >= ASKED else "not met"
        print(f"ours / {name}, a second: {middle:.2f} [{low:.2f}, {high:.2f}], at least {ASKED:g} asked: {verdict}")
        middle, low, high = ratio(found[OURS].cpu, found[name].cpu)
        print(f"ours / {name}, a CPU second: {middle:.2f} [{low:.2f}, {high:.2f}]")
    print(f"`{source.command}`, commit {source.commit[:10]}, {source.cores} cores, {source.processor}")


def _counted(rollouts: Sequence[Rollout]) -> int:
    if not all(rollout.well_formed and rollout.num_turns == 2 for rollout in rollouts):
        raise RuntimeError("an episode came out otherwise than the server writes it; every one is a call and an answer")
    return len(rollouts)


if __name__ == "__main__":
    main()
