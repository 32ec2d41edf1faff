"""All that is wrong with a registry file: its tables one by one, and what they say of each other."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, cast
from urllib.parse import urlsplit

from maestro_env.backends.local_services import LOCAL_SERVICES
from maestro_env.checking.fields import KINDS, problems_of_fields
from maestro_env.checking.places import Places, places_in
from maestro_env.checking.problem import Problem
from maestro_env.connections import load_connections
from maestro_env.errors import MaestroError, unknown_name
from maestro_env.registry import load_registry
from maestro_env.registry_file import registry_names
from maestro_env.serving import load_servers
from maestro_env.skills.prompted.workflows import PROMPTED_WORKFLOWS
from maestro_env.skills.workflows import WORKFLOWS
from maestro_env.types import Role

_AT = re.compile(r"at line (\d+), column (\d+)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1", "0.0.0.0")


@dataclass(kw_only=True)
class _Known:
    """What is known by its name: of the extended registry first, then of the file as well."""

    skills: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Tier-2 skills by tier-1 skill."""
    models: dict[str, bool] = field(default_factory=dict[str, bool])
    """Whether it is behind an endpoint, by name."""
    services: set[str] = field(default_factory=set[str])
    endpoints: dict[str, str] = field(default_factory=dict[str, str])
    """Addresses by name."""
    experts: set[str] = field(default_factory=set[str])
    shares: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """Accelerator and share of its memory, by endpoint."""


def problems_in(text: str) -> list[Problem]:
    """Return all that is wrong with the text of a registry file, in the order of its lines; empty if nothing is."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        line = int(at.group(1)) if at else len(text.splitlines())
        return [Problem(line=line, where="the file", message=f"It is not valid TOML: {error}. Correct this line.")]
    return sorted(_Checker(document, places_in(text)).problems())


class _Checker:
    def __init__(self, document: Mapping[str, Any], places: Places) -> None:
        self._document = document
        self._places = places
        self._known = _Known()

    def problems(self) -> Iterator[Problem]:
        """Yield every problem."""
        broken = list(self._shapes())
        yield from broken
        if broken:
            return  # tables that are none cannot be looked into
        yield from self._base()
        for table in KINDS:
            for i, values in enumerate(self._tables(table)):
                for key, message in problems_of_fields(table, values):
                    yield self._problem(table, i, key, message)
        yield from self._names()
        yield from self._endpoints()
        yield from self._skills()
        yield from self._experts()
        yield from self._services()
        yield from self._servers()

    def _tables(self, table: str) -> list[Mapping[str, Any]]:
        found = self._document.get(table, [])
        return [found] if isinstance(found, Mapping) else found

    def _problem(self, table: str, index: int, key: str, message: str) -> Problem:
        values = self._tables(table)[index]
        name = values.get("name", values.get("endpoint" if table == "server" else "model"))
        called = table if name is None else f"{table} {name!r}"
        return Problem(
            line=self._places.line(table, index, key),
            where=f"{called}, key {key!r}" if key else called,
            message=message,
        )

    def _shapes(self) -> Iterator[Problem]:
        for key, value in self._document.items():
            line = max(self._places.line("", 0, key), self._places.line(key))
            if key == "extends":
                if not isinstance(value, str):
                    message = f"Given {value!r}; expected the name of a registry: {', '.join(registry_names())}."
                    yield Problem(line=line, where="key 'extends'", message=message)
            elif key not in KINDS:
                message = f"{unknown_name('key', key, (*KINDS, 'extends'))} Correct or remove it."
                yield Problem(line=line, where=f"key {key!r}", message=message)
            elif key == "sampling":
                if not isinstance(value, Mapping):
                    yield Problem(line=line, where="key 'sampling'", message="It is no table; write [sampling] once.")
            elif not isinstance(value, list) or not all(isinstance(x, Mapping) for x in cast("list[Any]", value)):
                message = f"It is no list of tables; write [[{key}]], with two brackets, before each."
                yield Problem(line=line, where=f"key {key!r}", message=message)

    def _base(self) -> Iterator[Problem]:
        name = self._document.get("extends")
        if name is None:
            return
        try:
            registry, connections, servers = load_registry(name), load_connections(name), load_servers(name)
        except MaestroError as error:
            yield Problem(line=self._places.line("", 0, "extends"), where="key 'extends'", message=str(error))
            return
        self._known.skills = {skill.name: skill.tier2 for skill in registry.skills}
        self._known.models = {model.name: bool(model.endpoint) for model in registry.models}
        self._known.experts = set(registry.ids)
        self._known.services = set(connections.services)
        self._known.endpoints = {endpoint.name: endpoint.url for endpoint in connections.endpoints.values()}
        self._known.shares = {server.endpoint: (server.accelerator, server.memory_share) for server in servers}

    def _names(self) -> Iterator[Problem]:
        for table, key in (
            ("skill", "name"), ("model", "name"), ("service", "name"), ("endpoint", "name"), ("server", "endpoint"),
        ):  # fmt: skip
            first: dict[str, int] = {}
            for i, values in enumerate(self._tables(table)):
                name = values.get(key)
                if isinstance(name, str) and name in first:
                    message = f"It is listed already in line {self._places.line(table, first[name])}; keep one of them."
                    yield self._problem(table, i, key, message)
                elif isinstance(name, str):
                    first[name] = i

    def _endpoints(self) -> Iterator[Problem]:
        listed: set[str] = set()
        for i, values in enumerate(self._tables("endpoint")):
            url, name = values.get("url"), values.get("name")
            if isinstance(url, str) and url:
                message = _address_problem(url)
                if message:
                    yield self._problem("endpoint", i, "url", message)
                others = [other for other, at in self._known.endpoints.items() if at == url and other != name]
                if others:
                    message = f"{url!r} is the address of endpoint {others[0]!r} already; use one name for it."
                    yield self._problem("endpoint", i, "url", message)
            variable = values.get("api_key_env")
            if isinstance(variable, str) and variable and not _VARIABLE.fullmatch(variable):
                # Not shown: it may well be the key.
                message = (
                    "It is no name of an environment variable. If this is the key itself, remove it from the file, put "
                    "it into a variable, and write the variable's name, such as 'OPENAI_API_KEY'."
                )
                yield self._problem("endpoint", i, "api_key_env", message)
            if isinstance(name, str) and name not in listed:
                self._known.endpoints[name] = str(url)
                listed.add(name)

    def _skills(self) -> Iterator[Problem]:
        for i, values in enumerate(self._tables("skill")):
            name, tier2 = values.get("name"), values.get("tier2", [])
            if not isinstance(name, str) or not isinstance(tier2, list):
                continue
            self._known.skills[name] = tuple(cast("list[str]", tier2))
            has = [workflows[name].tier2 for workflows in (PROMPTED_WORKFLOWS, WORKFLOWS) if name in workflows]
            if not has:
                known = tuple(dict.fromkeys((*PROMPTED_WORKFLOWS, *WORKFLOWS)))
                yield self._problem("skill", i, "name", f"Nothing here runs it. {unknown_name('skill', name, known)}")
            elif self._known.skills[name] not in has:
                dispatches = " or ".join(dict.fromkeys(str(list(each)) if each else "none" for each in has))
                message = f"Given {tier2!r}, but it dispatches to {dispatches}; correct it."
                yield self._problem("skill", i, "tier2", message)
                self._known.skills[name] = ()  # said once, here

    def _experts(self) -> Iterator[Problem]:
        base = set(self._known.models)
        for i, values in enumerate(self._tables("model")):
            live = bool(values.get("endpoint"))
            yield from self._home("model", i, values)
            if values.get("role", Role.READER) not in tuple(Role):
                yield self._problem("model", i, "role", str(unknown_name("role", values["role"], tuple(Role))))
            yield from self._pairs("model", i, values.get("name"), values.get("skills", []), live=live)
            if isinstance(values.get("name"), str):
                self._known.models[values["name"]] = live
        for i, values in enumerate(self._tables("pairing")):
            name = values.get("model")
            if isinstance(name, str) and name not in base:
                message = "It pairs models of another registry; write extends = ..., or pair this one in its own table."
                if base:
                    message = str(unknown_name("model of the extended registry", name, base))
                yield self._problem("pairing", i, "model", message)
            elif isinstance(name, str):
                live = self._known.models[name]
                yield from self._pairs("pairing", i, name, values.get("skills", []), live=live)
        if not self._known.experts:
            yield Problem(line=1, where="the file", message="It lists no expert; give a [[model]] its skills = [...].")

    def _pairs(self, table: str, index: int, name: object, skills: object, *, live: bool) -> Iterator[Problem]:
        if not isinstance(skills, list) or not isinstance(name, str):
            return
        for skill in (each for each in cast("list[Any]", skills) if isinstance(each, str)):
            if skill not in self._known.skills:
                message = f"{unknown_name('skill', skill, self._known.skills)} Or add a [[skill]] table of this name."
                yield self._problem(table, index, "skills", message)
            elif f"{name}/{skill}" in self._known.experts:
                yield self._problem(
                    table, index, "skills", f"{name}/{skill} is an expert already; leave {skill!r} out."
                )
            else:
                self._known.experts.add(f"{name}/{skill}")
                message = self._unrunnable(skill, live=live)
                if message:
                    yield self._problem(table, index, "skills", message)

    def _unrunnable(self, skill: str, *, live: bool) -> str:
        """Return why a skill cannot run around a model as it is listed; empty if it can."""
        workflows = PROMPTED_WORKFLOWS if live else WORKFLOWS
        if skill not in workflows:
            kind = "models behind endpoints" if live else "networks in this process"
            return f"{skill!r} does not run around {kind}; choose among {', '.join(map(repr, workflows))}."
        if self._known.skills[skill] not in ((), workflows[skill].tier2):
            return (
                f"{skill!r} lists tier2 = {list(self._known.skills[skill])}, but it dispatches to "
                f"{list(workflows[skill].tier2)}; correct its [[skill]] table."
            )
        listed = [*self._known.services, *(values.get("name") for values in self._tables("service"))]
        needed = PROMPTED_WORKFLOWS[skill].services if live else ()
        missing = [service for service in needed if service not in listed]
        if missing:
            return f"{skill!r} asks the services {missing}, which are not listed; add a [[service]] table for each."
        return ""

    def _home(self, table: str, index: int, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Where a model or service runs: behind an endpoint, or as a network in this process."""
        network, endpoint = values.get("network", ""), values.get("endpoint", "")
        if not isinstance(network, str) or not isinstance(endpoint, str):
            return
        if bool(network) == bool(endpoint):
            given = "It has both an endpoint and a network" if network else "It has neither an endpoint nor a network"
            key = "network" if network else ""
            yield self._problem(table, index, key, f"{given}; give it endpoint = ... or network = ..., one of the two.")
        elif endpoint and endpoint not in self._known.endpoints:
            message = (
                f"{unknown_name('endpoint', endpoint, self._known.endpoints)} Or add an [[endpoint]] table for it."
            )
            yield self._problem(table, index, "endpoint", message)
        elif network and network not in (known := _networks(table)):
            yield self._problem(table, index, "network", str(unknown_name("network", network, known)))

    def _services(self) -> Iterator[Problem]:
        for i, values in enumerate(self._tables("service")):
            yield from self._home("service", i, values)

    def _servers(self) -> Iterator[Problem]:
        shares = dict(self._known.shares)
        for i, values in enumerate(self._tables("server")):
            endpoint, share = values.get("endpoint"), values.get("memory_share", 0.9)
            if not isinstance(endpoint, str) or not isinstance(share, (int, float)):
                continue
            if endpoint not in self._known.endpoints:
                yield self._problem(
                    "server", i, "endpoint", str(unknown_name("endpoint", endpoint, self._known.endpoints))
                )
                continue
            if urlsplit(self._known.endpoints[endpoint]).hostname not in _LOCAL_HOSTS:
                message = (
                    f"{self._known.endpoints[endpoint]!r} is not on this machine; remove the server or correct the url."
                )
                yield self._problem("server", i, "endpoint", message)
            accelerator = values.get("accelerator", 0)
            shares[endpoint] = (accelerator, float(share))
            total = sum(part for at, part in shares.values() if at == accelerator)
            if total > 1 + 1e-9:
                message = f"The shares of accelerator {accelerator} add up to {total:g} with it; expected 1 at most."
                yield self._problem("server", i, "memory_share", message)


def _networks(table: str) -> tuple[str, ...]:
    """Return what can stand as `network` in a table."""
    if table == "service":
        return tuple(LOCAL_SERVICES)
    weights = resources.files("maestro_env.experts") / "weights"
    return tuple(sorted(file.name.removesuffix(".safetensors") for file in weights.iterdir()))


def _address_problem(url: str) -> str:
    wanted = "expected an address such as 'http://127.0.0.1:8000/v1'"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"Given {url!r}, and {error}; {wanted}."
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"Given {url!r}; {wanted}."
    if parts.username or parts.password:
        return "It holds a user's name or password; remove them, and name the key's variable in api_key_env."
    if port == 0:
        return f"Given {url!r}, with port 0; {wanted}."
    return ""
