"""Functions of pictures that remember what they last gave."""

from PIL import Image

from maestro_env.skills import remembered as module
from maestro_env.skills.remembered import remembered

RED, BLUE = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")


def test_remembered__works_out_the_same_arguments_once() -> None:
    calls: list[tuple[int, float]] = []

    @remembered
    def widths(image: Image.Image, *, factor: float = 1.0) -> float:
        calls.append((image.width, factor))
        return image.width * factor

    assert [widths(RED), widths(RED), widths(RED, factor=2.0), widths(RED, factor=2.0)] == [4.0, 4.0, 8.0, 8.0]
    assert calls == [(4, 1.0), (4, 2.0)]


def test_remembered__equal_pictures_are_not_the_same_picture() -> None:
    @remembered
    def itself(image: Image.Image) -> Image.Image:
        return image

    twin = RED.copy()
    assert itself(RED) is RED
    assert itself(twin) is twin
    assert itself(BLUE) is BLUE


def test_remembered__forgets_what_was_longest_unused() -> None:
    assert module.KEPT > 300  # 25 tasks in 13 crops each
    calls: list[int] = []

    @remembered
    def counted(image: Image.Image, number: int) -> int:
        calls.append(number)
        return number

    for number in range(module.KEPT):
        counted(RED, number)
    counted(RED, 0)  # used again, so 1 is now the oldest
    counted(RED, module.KEPT)
    counted(RED, 0)
    assert calls == list(range(module.KEPT + 1))
    counted(RED, 1)
    assert calls[-1] == 1
