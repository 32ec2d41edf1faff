"""The architecture, enforced: imports run one way, optional libraries stay in their places, files stay small and clean.

Every rule reads the sources (nothing is imported) and is shown below to fail on a bad sample. What a wheel holds and
what an import loads are the business of test_wheel.py and test_import.py.
"""

import ast
import graphlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("maestro_env", "agents/maestro_agents", "benchmarks")

PACKAGES = ("maestro_env", "maestro_agents", "benchmarks")

LAYERS = (
    ("types", "errors"),
    (
        "registry_file",
        "registry",
        "connections",
        "serving",
        "sandbox",
        "catalog",
        "scoring",
        "rewards",
        "tasks",
        "encoders",
    ),
    ("skills", "experts"),
    ("backends", "recordings", "checking"),
    ("dynamics", "batch", "batch_features"),
    (
        "env",
        "infos",
        "arguments",
        "live",
        "factored",
        "vector",
        "vector_infos",
        "vector_arguments",
        "streams",
        "live_vector",
        "snapshot",
        "text",
        "render",
        "sb3",
    ),
    ("maestro_env",),  # the public names in maestro_env/__init__.py
    ("testing", "fault_server", "cli"),
    ("maestro_agents",),
    ("benchmarks",),
)
"""Groups of modules, lowest layer first. A module may import its own layer and those below, never those above, and
no modules may import each other in a circle: `backends.recorded` reads recordings, `recordings.shard` drives backends,
and neither needs the other."""

LAYER_OF = {group: layer for layer, groups in enumerate(LAYERS) for group in groups}

HOMES = {
    "gymnasium": PACKAGES,
    "numpy": PACKAGES,
    "PIL": PACKAGES,
    "pyarrow": ("maestro_env.recordings", "benchmarks"),
    "rich": ("maestro_env.cli", "maestro_env.experts.train", "maestro_env.experts.evaluate", "benchmarks"),
    "torch": ("maestro_env.experts", "maestro_env.backends.local", "maestro_agents", "benchmarks"),
    "safetensors": ("maestro_env.experts",),
    "rapidocr_onnxruntime": ("maestro_env.backends.local_services",),
    "aiohttp": ("maestro_env.backends.endpoints.http", "maestro_agents.llm.server", "benchmarks"),
    "openai": ("benchmarks",),
    "yarl": ("maestro_env.backends.endpoints.http",),
    "stable_baselines3": ("maestro_env.sb3", "maestro_agents", "benchmarks"),
    "sb3_contrib": ("maestro_agents", "benchmarks"),
    "transformers": ("maestro_agents.llm",),
    "tokenizers": ("maestro_agents.llm.tiny",),
    "datasets": ("maestro_agents.llm.trl_adapter",),
    "trl": ("maestro_agents.llm.trl_adapter",),
    "peft": ("maestro_agents.llm.lora",),
    "vllm": ("maestro_agents.llm.vllm_generator",),
    "matplotlib": ("benchmarks",),
    "pytest": ("benchmarks.throughput",),
    "pytest_benchmark": ("benchmarks.throughput",),
}
"""Third-party libraries, and the modules or packages that may import them, at the top or anywhere else."""

BOUNDARIES: tuple[str, ...] = ("maestro_env.sandbox.confine",)
"""The modules that may catch `Exception`: those that turn whatever a foreign expert throws into a status,
or what its program throws into a result."""

MAX_LINES = 400


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported module, and where."""

    target: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Module:
    """One source file."""

    name: str
    path: Path
    tree: ast.Module
    num_lines: int

    @property
    def group(self) -> str:
        return group_of(self.name)


def group_of(name: str) -> str:
    """Return what LAYERS calls a module: the part of maestro_env that it is in, or its package."""
    parts = name.split(".")
    return parts[1] if parts[0] == "maestro_env" and len(parts) > 1 else parts[0]


def read_modules(root: Path) -> dict[str, Module]:
    """Return the modules of all packages under a root, by dotted name."""
    modules: dict[str, Module] = {}
    for folder in FOLDERS:
        base = (root / folder).parent
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            text = path.read_text("utf-8")
            tree = ast.parse(text, filename=str(path))
            modules[name] = Module(name=name, path=path, tree=tree, num_lines=len(text.splitlines()))
    return modules


def imports_of(module: Module, modules: Mapping[str, Module]) -> Iterator[Import]:
    """Yield what a module imports, wherever the import stands; `from a import b` imports a.b if that is a module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(target=alias.name, line=node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(target=inner if inner in modules else str(node.module), line=node.lineno)


def arrows(modules: Mapping[str, Module]) -> Iterator[str]:
    """Imports run from higher layers to lower ones."""
    for module in modules.values():
        if module.group not in LAYER_OF:
            yield f"{module.name}: belongs to no layer; give {module.group!r} its place in DESIGN.md and in LAYERS"
            continue
        for found in imports_of(module, modules):
            group = group_of(found.target)
            if group not in LAYER_OF or group == module.group:
                continue
            if LAYER_OF[group] > LAYER_OF[module.group]:
                yield f"{module.name}:{found.line}: {module.group} is below {group} and must not import {found.target}"


def circles(modules: Mapping[str, Module]) -> Iterator[str]:
    """No modules import each other in a circle, not even from inside functions."""
    needs = {module.name: {found.target for found in imports_of(module, modules)} for module in modules.values()}
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        yield f"circle of imports: {' -> '.join(reversed(error.args[1]))}"


def homes(modules: Mapping[str, Module]) -> Iterator[str]:
    """Third-party libraries are imported only where HOMES says, so that the rest works without them."""
    for module in modules.values():
        for found in imports_of(module, modules):
            library = found.target.split(".")[0]
            if library in sys.stdlib_module_names or library in PACKAGES:
                continue
            allowed = HOMES.get(library, ())
            if not any(f"{module.name}.".startswith(f"{home}.") for home in allowed):
                places = ", ".join(allowed) or "no module"
                yield f"{module.name}:{found.line}: {library} may only be imported in {places}"


def absolute(modules: Mapping[str, Module]) -> Iterator[str]:
    """Imports are absolute."""
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.level > 0:
                yield f"{module.name}:{node.lineno}: relative import"


def catches(modules: Mapping[str, Module]) -> Iterator[str]:
    """Nobody catches everything: a bug would pass for an answer."""
    for module in modules.values():
        if module.name in BOUNDARIES:
            continue
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = [] if node.type is None else [n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)]
            if node.type is None or {"Exception", "BaseException"} & set(caught):
                yield f"{module.name}:{node.lineno}: catches every exception; name the ones that are expected"


def names(modules: Mapping[str, Module]) -> Iterator[str]:
    """A module's name says what it holds."""
    for module in modules.values():
        words = set(module.name.replace(".", "_").split("_"))
        vague = words & {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}
        if vague:
            yield f"{module.name}: {sorted(vague)[0]!r} does not say what the module holds"


def docstrings(modules: Mapping[str, Module]) -> Iterator[str]:
    """A module opens by saying what lives in it."""
    for module in modules.values():
        if not ast.get_docstring(module.tree):
            yield f"{module.name}: has no docstring"


def lengths(modules: Mapping[str, Module]) -> Iterator[str]:
    """A file holds one idea."""
    for module in modules.values():
        if module.num_lines > MAX_LINES:
            yield f"{module.name}: {module.num_lines} lines; more than {MAX_LINES} hold more than one idea"


Rule = Callable[[Mapping[str, Module]], Iterator[str]]
RULES: tuple[Rule, ...] = (arrows, circles, homes, absolute, catches, names, docstrings, lengths)


@pytest.fixture(scope="module")
def our_modules() -> dict[str, Module]:
    return read_modules(ROOT)


@pytest.mark.parametrize("rule", RULES)
def test_architecture__rule_holds(rule: Rule, our_modules: dict[str, Module]) -> None:
    assert "maestro_env.types" in our_modules
    assert "maestro_agents" in our_modules
    assert list(rule(our_modules)) == []


def test_test_files__length() -> None:
    long = {path.name: len(path.read_text("utf-8").splitlines()) for path in (ROOT / "tests").rglob("*.py")}
    assert {name: num_lines for name, num_lines in long.items() if num_lines > MAX_LINES} == {}


GOOD = {
    "maestro_env/__init__.py": '"""Public names."""\nfrom maestro_env.env import MaestroEnv\n',
    "maestro_env/types.py": '"""The nouns."""\nimport enum\n',
    "maestro_env/skills/__init__.py": '"""Skills."""\n',
    "maestro_env/skills/base.py": '"""What a skill is."""\nfrom maestro_env import types\n',
    "maestro_env/experts/store.py": '"""Networks."""\nimport torch\nfrom maestro_env.skills.base import Reading\n',
    "maestro_env/backends/local.py": '"""In process."""\nimport torch.nn\nfrom maestro_env.experts import store\n',
    "maestro_env/env.py": '"""The environment."""\nimport gymnasium\nfrom maestro_env.backends.local import Local\n',
    "agents/maestro_agents/__init__.py": '"""Agents."""\nimport stable_baselines3\nimport maestro_env\n',
    "benchmarks/compare.py": '"""Compares."""\nimport matplotlib.pyplot\nfrom maestro_agents import x\n',
}
"""A small tree in which all rules hold."""

BAD: tuple[tuple[Rule, str, str, str], ...] = (
    (arrows, "maestro_env/types.py", "from maestro_env.skills import base", "types is below skills"),
    (arrows, "maestro_env/skills/base.py", "from maestro_env import env", "skills is below env"),
    (arrows, "maestro_env/env.py", "def f():\n    import maestro_env", "env is below maestro_env"),
    (arrows, "maestro_env/env.py", "from maestro_agents import ppo", "env is below maestro_agents"),
    (arrows, "agents/maestro_agents/ppo.py", "import benchmarks.compare", "maestro_agents is below benchmarks"),
    (arrows, "maestro_env/planner.py", "import enum", "belongs to no layer"),
    (circles, "maestro_env/skills/base.py", "from maestro_env.experts import store", "circle of imports: .*store"),
    (homes, "maestro_env/env.py", "import torch", "torch may only be imported in maestro_env.experts"),
    (homes, "maestro_env/env.py", "def f():\n    from torch import nn", "torch may only be imported"),
    (homes, "maestro_env/backends/locality.py", "import torch", "torch may only be imported"),
    (homes, "maestro_env/env.py", "import stable_baselines3 as sb3", "stable_baselines3 may only be"),
    (homes, "agents/maestro_agents/ppo.py", "import matplotlib", "matplotlib may only be imported in benchmarks"),
    (homes, "maestro_env/env.py", "import requests", "requests may only be imported in no module"),
    (absolute, "maestro_env/skills/zoom.py", "from . import base", "relative import"),
    (catches, "maestro_env/env.py", "try:\n    pass\nexcept Exception:\n    pass", "catches every exception"),
    (catches, "maestro_env/env.py", "try:\n    pass\nexcept:\n    pass", "catches every exception"),
    (catches, "maestro_env/env.py", "try:\n    pass\nexcept (OSError, BaseException):\n    pass", "catches every"),
    (names, "maestro_env/skills/image_utils.py", "", "'utils' does not say"),
    (names, "benchmarks/common/tables.py", "", "'common' does not say"),
    (docstrings, "maestro_env/skills/zoom.py", "# Not a docstring.", "has no docstring"),
    (lengths, "maestro_env/skills/zoom.py", "\n" * MAX_LINES, "more than 400"),
)
"""Rule, file, the lines that break it, and what the rule says."""


def write_tree(root: Path, files: Mapping[str, str]) -> dict[str, Module]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return read_modules(root)


def test_rules__hold_on_a_good_tree(tmp_path: Path) -> None:
    modules = write_tree(tmp_path, GOOD)
    assert len(modules) == len(GOOD)
    assert [problem for rule in RULES for problem in rule(modules)] == []


@pytest.mark.parametrize(("rule", "name", "lines", "says"), BAD)
def test_rule__fails_on_a_bad_file(rule: Rule, name: str, lines: str, says: str, tmp_path: Path) -> None:
    opening = "" if rule is docstrings else GOOD.get(name, '"""A module."""\n')
    modules = write_tree(tmp_path, {**GOOD, name: f"{opening}{lines}\n"})
    problems = list(rule(modules))
    assert len(problems) == 1, problems
    assert re.search(says, problems[0])


def test_rules__each_has_a_bad_sample() -> None:
    assert {rule for rule, *_ in BAD} == set(RULES)
