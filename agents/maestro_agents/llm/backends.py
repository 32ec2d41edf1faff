"""Generation backends by name: the one place that commands make a generator in."""

import argparse
import sys
from collections.abc import Callable, Mapping
from collections.abc import Generator as Yields
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from maestro_agents.llm import run
from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.generation import Generator
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.pretrained import PretrainedTokeniser, layout_of
from maestro_agents.llm.settings import RunSettings
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_env.errors import ConfigurationError, MissingExtraError, unknown_name

try:
    from transformers import AutoTokenizer
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.backends needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error

EXCHANGES = ("tokens", "text", "chat")
"""The members of `openai_generator.Exchange`, which needs the extra openai."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Player:
    """A generator, and how what is said becomes tokens for it."""

    generator: Generator
    layout: Layout


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which backend, and where its model is."""

    backend: str = "transformers"
    model: str = ""
    """A folder or an id; on a server, what it calls the model. Empty takes the configuration's, or the server's one."""
    base_url: str = ""
    tokeniser: str = ""
    """The folder or id of a server's model, whose tokeniser it is; empty takes the configuration's."""
    exchange: str = "tokens"
    concurrency: int = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a command understands about backends."""
    parser.add_argument("--backend", choices=sorted(_MAKERS), default="transformers", help="default: %(default)s")
    parser.add_argument("--model", default="", help="a folder or an id; on a server, the name it serves the model by")
    parser.add_argument("--base-url", default="", help="of a server, with its version: http://localhost:8000/v1")
    parser.add_argument("--tokeniser", default="", help="of a server's model: a folder or an id")
    parser.add_argument(
        "--exchange", choices=EXCHANGES, default="tokens", help="what goes to a server and back (default: %(default)s)"
    )
    parser.add_argument("--concurrency", type=int, default=64, help="requests under way at a time (default: 64)")


def choice_of(given: argparse.Namespace) -> Choice:
    """Return what a command was asked for."""
    return Choice(
        backend=given.backend,
        model=given.model,
        base_url=given.base_url,
        tokeniser=given.tokeniser,
        exchange=given.exchange,
        concurrency=given.concurrency,
    )


@contextmanager
def opened(choice: Choice, settings: RunSettings) -> Yields[Player]:
    """Yield a generator and its layout, and let go of what they hold at the end.

    Raises:
        UnknownNameError: No such backend.
        ConfigurationError: A model or tokeniser that cannot be read, or a server without an address.
        ServerError: A server that does not answer.
        MissingExtraError: What the backend needs is not installed.
    """
    if choice.backend not in _MAKERS:
        raise unknown_name("backend", choice.backend, sorted(_MAKERS))
    with _MAKERS[choice.backend](choice, settings) as player:
        yield player


def _transformers(choice: Choice, settings: RunSettings) -> AbstractContextManager[Player]:
    pretrained = run.make_model(settings, run.make_env(settings), place=choice.model)
    layout = run.make_layout(settings, pretrained)
    return nullcontext(Player(generator=TransformersGenerator(pretrained), layout=layout))


def _vllm(choice: Choice, settings: RunSettings) -> AbstractContextManager[Player]:
    from maestro_agents.llm.vllm_generator import VllmGenerator  # needs vLLM

    place = choice.model or settings.model.place
    if not place:
        raise ConfigurationError("The backend vllm runs a model that was saved: give its folder with --model.")
    tokeniser = _tokeniser_of(choice.tokeniser or place)
    generator = VllmGenerator.load(place, tokeniser, dtype=settings.model.dtype)
    return nullcontext(Player(generator=generator, layout=_layout(tokeniser, settings)))


@contextmanager
def _openai(choice: Choice, settings: RunSettings) -> Yields[Player]:
    from maestro_agents.llm.openai_generator import Exchange, OpenAIGenerator, served_model  # needs the extra openai
    from maestro_agents.llm.server import Server

    if not choice.base_url:
        raise ConfigurationError("The backend openai needs the server's address: --base-url http://localhost:8000/v1.")
    exchange = Exchange(choice.exchange)
    tokens = exchange is Exchange.TOKENS
    place = choice.tokeniser or (settings.model.place if tokens else "")
    if tokens and not place:
        raise ConfigurationError(
            "Tokens are exchanged, so the tokeniser must be that of the server's model: give its folder with "
            "--tokeniser, or exchange text with --exchange text."
        )
    # Without one, text is counted in bytes.
    tokeniser = _tokeniser_of(place) if place else ByteTokeniser()
    layout = Layout(instructions=settings.model.instructions)
    if isinstance(tokeniser, PretrainedTokeniser) and exchange is not Exchange.CHAT:  # there, the server marks turns up
        layout = _layout(tokeniser, settings)
    with Server(choice.base_url, concurrency=choice.concurrency) as server:
        served = served_model(server, choice.model)
        # Where text is counted in something else than the model's tokens, the server alone knows what is too long.
        window = served.get("max_model_len") if tokens else None
        generator = OpenAIGenerator(
            server,
            model=str(served["id"]),
            tokeniser=tokeniser,
            context_length=int(window or sys.maxsize),
            exchange=exchange,
        )
        yield Player(generator=generator, layout=layout)


_MAKERS: Mapping[str, Callable[[Choice, RunSettings], AbstractContextManager[Player]]] = {
    "transformers": _transformers,
    "vllm": _vllm,
    "openai": _openai,
}


def _tokeniser_of(place: str) -> PretrainedTokeniser:
    """Return the tokeniser of a model's folder or id, without its weights."""
    auto_tokenizer: Any = AutoTokenizer
    try:
        return PretrainedTokeniser(auto_tokenizer.from_pretrained(place))
    except (OSError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise ConfigurationError(f"There is no tokeniser {place!r} ({first_line}); give a model's folder.") from error


def _layout(tokeniser: PretrainedTokeniser, settings: RunSettings) -> Layout:
    return layout_of(tokeniser, layout=settings.model.layout, instructions=settings.model.instructions)
