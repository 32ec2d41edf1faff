"""The skills that read signs and programs, with an oracle that knows every character."""

import numpy as np
import pytest
from PIL import Image

from maestro_env.errors import RegistryError
from maestro_env.skills.base import Ask, Finding, Reading, SkillFunction
from maestro_env.skills.code import code, source_of
from maestro_env.skills.listing import program_lines
from maestro_env.skills.ocr import ocr, read_character
from maestro_env.skills.segmenting import GlyphLine, sign_lines
from maestro_env.tasks.procedural.lettering import Character
from maestro_env.tasks.procedural.ocr import ALPHABET, draw_signs
from maestro_env.tasks.procedural.visual_code import draw_listing
from maestro_env.types import WHOLE, Box, Context, Expert, Model, Reply, Skill, Task

IN_WHOLE = Context(id=WHOLE)
EMPTY = Image.new("RGB", (300, 300), (200, 210, 190))


def start(skill: SkillFunction, image: Image.Image, question: str, context: Context = IN_WHOLE):
    task = Task(id="t", benchmark="b", split="val", question=question, images=("i",), gold="1")
    model = Model(name="glyphs", description="", network="glyphs")
    return skill(task, context, image, Expert(model=model, skill=Skill(name="s", description="")))


def reply(skill: SkillFunction, image: Image.Image, question: str, seen: list[Reading]) -> Reply:
    run = start(skill, image, question)
    ask = next(run)
    assert len(ask.views) == len(seen)
    assert ask.question == question
    with pytest.raises(StopIteration) as end:
        run.send(tuple(seen))
    return end.value.value


def truth(lines: tuple[GlyphLine, ...], characters: tuple[Character, ...], probability: float) -> list[Reading]:
    """What a reader would say that knows each character; nothing where there is none."""
    seen: list[Reading] = []
    for line in lines:
        for glyph in line.glyphs:
            near = [
                character.text
                for character in characters
                if max(abs(character.x - glyph.x), abs(character.y - glyph.y)) < 0.4 * character.height_px
            ]
            seen.append(Reading(probabilities={near[0]: probability} if near else {}))
    return seen


def test_ocr__reads_nearly_all_easy_signs_with_a_perfect_reader() -> None:
    right: list[bool] = []
    for seed in range(16):
        signs = draw_signs(np.random.default_rng(900 + seed), size_px=640, difficulty=seed / 31)
        seen = truth(sign_lines(signs.figure.image), signs.characters, 0.9)
        for query in signs.figure.queries:
            question = query.question or "What does it say?"
            right.append(reply(ocr, signs.figure.image, question, seen).answer == query.answer)
    assert np.mean(right) >= 0.9


def test_code__runs_nearly_all_easy_programs_with_a_perfect_reader() -> None:
    right: list[bool] = []
    for seed in range(16):
        listing = draw_listing(np.random.default_rng(900 + seed), size_px=448, difficulty=seed / 31)
        seen = truth(program_lines(listing.figure.image), listing.characters, 0.9)
        given = reply(code, listing.figure.image, "What does the program print?", seen)
        right.append(given.answer == listing.figure.queries[0].answer)
    assert np.mean(right) >= 0.9


def test_ocr__confidence_is_the_product_of_the_characters() -> None:
    signs = next(
        signs
        for seed in range(50)
        if (signs := draw_signs(np.random.default_rng(seed), size_px=640, difficulty=0.0)).figure.factors["kind"]
        == "sign"
    )
    (line, *rest) = sign_lines(signs.figure.image)
    seen = truth((line, *rest), signs.characters, 0.9)
    given = reply(ocr, signs.figure.image, "What does it say?", seen)
    word = signs.figure.queries[0].answer
    assert given.answer == given.text == word
    assert given.confidence == pytest.approx(0.9 ** len(word), abs=6e-4)
    assert given.skill_tier2 == "Segment_And_Read"
    assert given.next_context is IN_WHOLE


@pytest.mark.parametrize(("skill", "tier2"), [(ocr, "Segment_And_Read"), (code, "Read_And_Run")])
def test_text_skills__a_picture_without_text_is_asked_about_once_and_has_no_answer(
    skill: SkillFunction, tier2: str
) -> None:
    run = start(skill, EMPTY, "What does it say?")
    assert next(run) == Ask(views=(EMPTY,), question="What does it say?")
    with pytest.raises(StopIteration) as end:
        run.send((Reading(probabilities={"A": 0.9}),))
    given: Reply = end.value.value
    assert (given.answer, given.text, given.confidence, given.skill_tier2) == (None, "not visible", 0.0, tier2)


@pytest.mark.parametrize("skill", [ocr, code])
def test_text_skills__look_at_the_region_only(skill: SkillFunction) -> None:
    context = Context(id="region:a", parent=WHOLE, box=Box(left=100, top=100, right=150, bottom=150))
    run = start(skill, EMPTY, "What does it say?", context)
    # 50 px with a tenth on either side.
    assert [view.size for view in next(run).views] == [(60, 60)]


@pytest.mark.parametrize("skill", [ocr, code])
def test_text_skills__refuse_a_locator(skill: SkillFunction) -> None:
    run = start(skill, EMPTY, "What does it say?")
    next(run)
    with pytest.raises(RegistryError, match="needs a reader"):
        run.send((Finding(box=Box(left=0, top=0, right=1, bottom=1), confidence=1),))


@pytest.mark.parametrize("character", ["9", "=", "("])
def test_code__a_program_that_cannot_be_run_has_no_answer(character: str) -> None:
    listing = draw_listing(np.random.default_rng(0), size_px=448, difficulty=0.0)
    seen = truth(program_lines(listing.figure.image), listing.characters, 1.0)
    misread = [Reading(probabilities={character: 0.99}) for _ in seen]
    given = reply(code, listing.figure.image, "What is printed?", misread)
    assert (given.answer, given.text, given.skill_tier2) == (None, "not visible", "Read_And_Run")


def test_read_character__takes_either_case_of_what_the_alphabet_holds() -> None:
    # X in either case 0.5 + 0.3; S has 0.1 and the rest, 0.1, is nothing.
    reading = Reading(probabilities={"X": 0.3, "x": 0.5, "S": 0.1})
    assert read_character(reading, ALPHABET) == ("X", pytest.approx(0.8))
    assert read_character(reading, "xs") == ("x", pytest.approx(0.8))


def test_read_character__nothing_where_none_is_likelier() -> None:
    assert read_character(Reading(probabilities={"A": 0.3, "B": 0.3}), ALPHABET) == ("", 0.0)
    # What the alphabet does not hold cannot stand there.
    assert read_character(Reading(probabilities={"=": 0.9, "B": 0.1}), ALPHABET)[0] != "="


def test_source_of__joins_cells_with_gaps_as_spaces() -> None:
    rows = [
        {7: "a", 9: "=", 11: "1"},
        {7: "i", 8: "f", 10: "a", 12: ">", 14: "0", 15: ":"},
        # One cell or three: what is further right is indented by two.
        {8: "a", 10: "=", 12: "2"},
        {7: "p", 8: "(", 9: "a", 10: ")"},
    ]
    assert source_of(rows) == "a = 1\nif a > 0:\n  a = 2\np(a)"
    assert source_of([]) == ""
