import pytest

from maestro_env.tasks.procedural.canvas import Point
from maestro_env.tasks.procedural.choices import between, place_margin, place_of


@pytest.mark.parametrize(
    ("point", "place", "margin"),
    [
        # The border runs through the middle of the band from 0.08 to 0.15: 0.115 from the middle lines.
        ((0.5, 0.5), "centre", 0.115),
        ((0.55, 0.44), "centre", 0.115 - 0.06),
        ((0.2, 0.3), "upper left", 0.085),
        ((0.9, 0.1), "upper right", 0.285),
        ((0.3, 0.7), "lower left", 0.085),
        ((0.7, 0.95), "lower right", 0.085),
        ((0.61, 0.8), None, -1.0),
        ((0.5, 0.9), None, -1.0),
    ],
)
def test_place__has_a_margin_to_the_next_place(point: Point, place: str | None, margin: float) -> None:
    assert place_of(point) == place
    assert place_margin(point) == pytest.approx(margin)


def test_between__runs_from_easy_to_hard() -> None:
    assert [between(4, 8, difficulty) for difficulty in (0.0, 0.25, 1.0)] == [4, 5, 8]
