"""Registry files that are broken, and what is said of each: line, key, and what to do."""

import copy
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from maestro_env.checking.fields import KINDS
from maestro_env.checking.registry_file import problems_in
from maestro_env.connections import parse_connections
from maestro_env.errors import MaestroError
from maestro_env.registry import parse_registry
from maestro_env.registry_file import registry_names
from maestro_env.serving import parse_servers

GOOD = """\
[sampling]
temperature = 0.2

[[skill]]
name = "Direct"
description = "Asks once."

[[skill]]
name = "Science_Problem_Solver"
description = "Asks with evidence."

[[model]]
name = "qwen"
description = "Reads."
endpoint = "gpu"
skills = [
    "Direct",
    "Science_Problem_Solver",
]

[[service]]
name = "ocr"
description = "Reads text."
network = "rapidocr"

[[service]]
name = "caption"
description = "Describes."
endpoint = "paid"

[[service]]
name = "zoom"
description = "Chooses."
endpoint = "gpu"

[[endpoint]]
name = "gpu"
url = "http://127.0.0.1:8000/v1"

[[endpoint]]
name = "paid"
url = "https://api.example.com/v1"
api_key_env = "EXAMPLE_KEY"

[[server]]
endpoint = "gpu"
weights = "Qwen/Qwen3-VL-8B-Instruct"
memory_share = 0.9
"""


def said(text: str) -> list[str]:
    return [str(problem) for problem in problems_in(text)]


def shipped(name: str) -> str:
    return resources.files("maestro_env.catalog").joinpath(f"{name}.toml").read_text("utf-8")


@pytest.mark.parametrize("name", registry_names())
def test_shipped_registries__have_no_problem(name: str) -> None:
    assert said(shipped(name)) == []


def test_good_file__has_no_problem() -> None:
    assert said(GOOD) == []


BROKEN = {
    "no TOML": (
        ('url = "http://127', "url = http://127"),
        ["line 38: the file: It is not valid TOML: Invalid value (at line 38, column 7). Correct this line."],
    ),
    "an unknown table": (
        ("[[skill]]\nname = \"Direct\"", "[[skil]]\nname = \"Direct\""),
        [
            "line 4: key 'skil': Unknown key 'skil'. Did you mean 'skill'? Correct or remove it.",
        ],
    ),
    "a single bracket": (
        ("[[server]]", "[server]"),
        ["line 45: key 'server': It is no list of tables; write [[server]], with two brackets, before each."],
    ),
    "an unknown key": (
        ("temperature = 0.2", "temprature = 0.2"),
        [
            "line 2: sampling, key 'temprature': Unknown key 'temprature'. Did you mean 'temperature'? Correct or "
            "remove it."
        ],
    ),
    "a missing key": (
        ('description = "Reads."\n', ""),
        ["line 12: model 'qwen', key 'description': It is missing; add description = ..., a text in quotation marks."],
    ),
    "a wrong type": (
        ("memory_share = 0.9", 'memory_share = "most"'),
        ["line 48: server 'gpu', key 'memory_share': Given 'most'; expected a number."],
    ),
    "a number out of range": (
        ("temperature = 0.2", "temperature = -1"),
        ["line 2: sampling, key 'temperature': Given -1; expected 0 or more."],
    ),
    "an unknown skill": (
        ('    "Direct",', '    "Drect",'),
        [
            "line 16: model 'qwen', key 'skills': Unknown skill 'Drect'. Did you mean 'Direct'? Or add a [[skill]] "
            "table of this name."
        ],
    ),
    "a skill that nothing runs": (
        ('name = "Direct"', 'name = "Directly"'),
        [
            "line 5: skill 'Directly', key 'name': Nothing here runs it. Unknown skill 'Directly'. Did you mean "
            "'Direct'?",
            "line 16: model 'qwen', key 'skills': Unknown skill 'Direct'. Did you mean 'Directly'? Or add a [[skill]] "
            "table of this name.",
        ],
    ),
    "other tier-2 skills": (
        ('description = "Asks once."', 'description = "Asks once."\ntier2 = ["Twice"]'),
        ["line 7: skill 'Direct', key 'tier2': Given ['Twice'], but it dispatches to none; correct it."],
    ),
    "an unknown endpoint": (
        ('endpoint = "paid"', 'endpoint = "pad"'),
        [
            "line 29: service 'caption', key 'endpoint': Unknown endpoint 'pad'. Did you mean 'paid'? Or add an "
            "[[endpoint]] table for it."
        ],
    ),
    "no home": (
        ('network = "rapidocr"\n', ""),
        [
            "line 21: service 'ocr': It has neither an endpoint nor a network; give it endpoint = ... or network = "
            "..., one of the two."
        ],
    ),
    "two homes": (
        ('network = "rapidocr"', 'network = "rapidocr"\nendpoint = "gpu"'),
        [
            "line 24: service 'ocr', key 'network': It has both an endpoint and a network; give it endpoint = ... or "
            "network = ..., one of the two."
        ],
    ),
    "an unknown network": (
        ('network = "rapidocr"', 'network = "rapidoc"'),
        ["line 24: service 'ocr', key 'network': Unknown network 'rapidoc'. Did you mean 'rapidocr'?"],
    ),
    "an unknown role": (
        ('description = "Reads."', 'description = "Reads."\nrole = "raeder"'),
        ["line 15: model 'qwen', key 'role': Unknown role 'raeder'. Did you mean 'reader'?"],
    ),
    "a missing service": (
        ('name = "zoom"', 'name = "zum"'),
        [
            "line 16: model 'qwen', key 'skills': 'Science_Problem_Solver' asks the services ['zoom'], which are not "
            "listed; add a [[service]] table for each."
        ],
    ),
    "a skill for networks": (
        ('network = "rapidocr"',
         'network = "rapidocr"\n\n[[model]]\nname = "net"\ndescription = ""\nnetwork = "chart-a"\n'
         'skills = ["Direct", "Chart_Problem_Solver"]\n\n'
         '[[skill]]\nname = "Chart_Problem_Solver"\ndescription = ""\n'
         'tier2 = ["Pie_Chart", "Line_Chart", "Bar_Chart", "Other_Chart"]'),
        [
            "line 30: model 'net', key 'skills': 'Chart_Problem_Solver' lists tier2 = ['Pie_Chart', 'Line_Chart', "
            "'Bar_Chart', 'Other_Chart'], but it dispatches to ['Axes', 'Disc']; correct its [[skill]] table."
        ],
    ),
    "no address": (
        ('url = "http://127.0.0.1:8000/v1"', 'url = "127.0.0.1:8000"'),
        [
            "line 38: endpoint 'gpu', key 'url': Given '127.0.0.1:8000'; expected an address such as "
            "'http://127.0.0.1:8000/v1'.",
            "line 46: server 'gpu', key 'endpoint': '127.0.0.1:8000' is not on this machine; remove the server or "
            "correct the url.",
        ],
    ),
    "an address twice": (
        ('url = "https://api.example.com/v1"', 'url = "http://127.0.0.1:8000/v1"'),
        [
            "line 42: endpoint 'paid', key 'url': 'http://127.0.0.1:8000/v1' is the address of endpoint 'gpu' already; "
            "use one name for it."
        ],
    ),
    "a name twice": (
        ('name = "paid"\nurl', 'name = "gpu"\nurl'),
        [
            "line 29: service 'caption', key 'endpoint': Unknown endpoint 'paid'. Known: 'gpu'. Or add an [[endpoint]] "
            "table for it.",
            "line 41: endpoint 'gpu', key 'name': It is listed already in line 36; keep one of them.",
        ],
    ),
    "a server elsewhere": (
        ('endpoint = "gpu"\nweights', 'endpoint = "paid"\nweights'),
        [
            "line 46: server 'paid', key 'endpoint': 'https://api.example.com/v1' is not on this machine; remove the "
            "server or correct the url."
        ],
    ),
    "too much memory": (
        ("memory_share = 0.9", 'memory_share = 0.9\n\n[[endpoint]]\nname = "b"\nurl = "http://localhost:1"\n\n'
         '[[server]]\nendpoint = "b"\nweights = "b"\nmemory_share = 0.2'),
        [
            "line 57: server 'b', key 'memory_share': The shares of accelerator 0 add up to 1.1 with it; expected 1 at "
            "most."
        ],
    ),
    "an unknown registry": (
        ("[sampling]", 'extends = "papr"\n[sampling]'),
        ["line 1: key 'extends': Unknown registry 'papr'. Did you mean 'paper'?"],
    ),
    "a pairing of a stranger": (
        ("[[server]]", '[[pairing]]\nmodel = "qwen"\nskills = ["Direct"]\n\n[[server]]'),
        [
            "line 46: pairing 'qwen', key 'model': It pairs models of another registry; write extends = ..., or pair "
            "this one in its own table."
        ],
    ),
    "an expert twice": (
        ('    "Direct",', '    "Direct",\n    "Direct",'),
        ["line 16: model 'qwen', key 'skills': qwen/Direct is an expert already; leave 'Direct' out."],
    ),
    "no expert": (
        ('skills = [\n    "Direct",\n    "Science_Problem_Solver",\n]', "skills = []"),
        ["line 1: the file: It lists no expert; give a [[model]] its skills = [...]."],
    ),
}  # fmt: skip
"""What is changed in the good file, and all that is said of it."""


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file__each_problem_with_line_key_and_cure(name: str) -> None:
    (old, new), messages = BROKEN[name]
    assert GOOD.count(old) == 1, name
    assert said(GOOD.replace(old, new)) == messages


def test_broken_file__all_problems_at_once_in_the_order_of_their_lines() -> None:
    text = GOOD.replace("temperature = 0.2", "temperature = -1").replace("memory_share = 0.9", "memory_share = 2")
    lines = [problem.line for problem in problems_in(text.replace('description = "Reads."\n', ""))]
    assert lines == [2, 12, 47, 47]  # a share of 2 is out of range, and more than the accelerator has


def test_key_in_the_file__is_never_repeated() -> None:
    key = "sk-live-very-secret-0123"
    text = GOOD.replace('"EXAMPLE_KEY"', f'"{key}"')
    (message,) = said(text)
    assert message.startswith("line 43: endpoint 'paid', key 'api_key_env': It is no name of an environment variable.")
    assert "write the variable's name" in message
    assert key not in message
    in_url = said(GOOD.replace("https://api", f"https://user:{key}@api"))
    assert any("remove them, and name the key's variable in api_key_env" in message for message in in_url)
    assert not any(key in message for message in in_url)


ODD_VALUES: tuple[object, ...] = ("", "x", 0, -3, 1.5, float("nan"), float("inf"), True, [], ["x"], [3], {}, {"x": 1})


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(x)}" for key, x in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _written(document: dict[str, Any]) -> str:
    lines: list[str] = []
    for table, entries in document.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            lines.append(f"[[{table}]]" if isinstance(entries, list) else f"[{table}]")
            lines += [f"{key} = {_toml(value)}" for key, value in entry.items()]
    return "\n".join(lines)


@pytest.mark.parametrize("table", KINDS)
def test_odd_values__are_said_and_nothing_else_breaks(table: str) -> None:
    """Whatever a key holds, the check ends; where it finds nothing, the file can be loaded."""
    good = tomllib.loads(GOOD)
    good.setdefault(table, [{"model": "m", "skills": []}])
    for key in KINDS[table].__dataclass_fields__:
        for value in ODD_VALUES:
            document = copy.deepcopy(good)
            entries = document[table]
            (entries[0] if isinstance(entries, list) else entries)[key] = value
            text = _written(document)
            if problems_in(text):
                continue
            try:
                registry = parse_registry(text, name="r")
                parse_connections(text, name="r")
                parse_servers(text, name="r")
            except MaestroError as error:
                pytest.fail(f"{table}.{key} = {value!r} is let through, but: {error}")
            assert len(registry) > 0


def test_written__gives_the_document_again() -> None:
    assert tomllib.loads(_written(tomllib.loads(GOOD))) == tomllib.loads(GOOD)


def test_extending__what_the_base_lists_is_known(tmp_path: Path) -> None:
    text = (
        'extends = "paper"\n[[pairing]]\nmodel = "Chart-R1"\nskills = ["Code_Problem_Solver"]\n'
        '[[skill]]\nname = "Code_Problem_Solver"\ndescription = ""\n'
        'tier2 = ["Checked_Code", "Failed_Code", "Unchecked_Code"]\n'
        '[[service]]\nname = "ocr"\ndescription = "Reads text here."\nnetwork = "rapidocr"\n'
    )
    assert said(text) == []
    assert said(text.replace('"Chart-R1"', '"Chart-R2"')) == [
        "line 3: pairing 'Chart-R2', key 'model': Unknown model of the extended registry 'Chart-R2'. "
        "Did you mean 'Chart-R1'?"
    ]
