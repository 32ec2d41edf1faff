"""Where tables and keys stand in a TOML file."""

from maestro_env.checking.places import places_in

TEXT = '''# A comment = "with an equals sign"
extends = "core"

[[model]]  # heading
name = "a"
skills = [
    "name",  # not a key
    "x",
]
"quoted" = 1

[sampling]
seed = 3
[[ model ]]
name = """
[[model]]
name = "b"
"""
dotted.key = 1
'''


def test_places__of_keys_and_headings() -> None:
    places = places_in(TEXT)
    assert places.line("", 0, "extends") == 2
    assert [places.line("model", i) for i in (0, 1)] == [4, 14]
    assert [places.line("model", i, "name") for i in (0, 1)] == [5, 15]
    assert (places.line("model", 0, "skills"), places.line("model", 0, "quoted")) == (6, 10)
    assert places.line("sampling", 0, "seed") == 13
    assert places.line("model", 1, "dotted") == 19


def test_places__what_stands_nowhere_is_at_its_table_or_at_the_start() -> None:
    places = places_in(TEXT)
    assert places.line("model", 1, "endpoint") == 14
    assert places.line("service", 0, "name") == 1
