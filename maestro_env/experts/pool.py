"""The training pool: views with questions and answers, drawn once, kept on disk, shared by all trainings.

A pool is a folder of shards, one `.npz` each. A shard is drawn from a seed of its own, so building resumes after being
killed and gives the same pool. A source's folder is named by what it holds: what is drawn otherwise is drawn anew.
Pool seeds never meet those of the train, val and test tasks.

Views are kept larger than a network's input; training crops and shrinks them at random. Kinds of source:

- `plain/<family>`: a whole figure at its native size.
- `window/<family>`: parts of a plain figure whose evidence has places (tiles for counts, crops for searches).
- `patch/<family>`: a framed figure as a locator would find it in a scene, with more around it than needed.
- `close/geometry`: a drawing's marked letter from near.
- `scene/windows`: whole scenes and parts of them, mostly too coarse or beside the point: `not visible`.
- `locate/<family>`: whole scenes with the box of a framed figure of the family; of a search, its target's region.
- `primer/signs`: single letters and numbers.
- `glyph/lines`: single characters of printed lines.
"""

import hashlib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.experts.glyphs import glyph_examples
from maestro_env.experts.network import LOCATOR_PX, NOT_VISIBLE, READER_PX
from maestro_env.experts.primer import draw_sign
from maestro_env.experts.tokens import MAX_TOKENS, tokenise
from maestro_env.skills.geometry import asks_for_marked_letter
from maestro_env.skills.marking import close_up
from maestro_env.skills.segmenting import GLYPH_PX
from maestro_env.tasks.procedural.choices import pick
from maestro_env.tasks.procedural.family import Figure, Query
from maestro_env.tasks.procedural.generate import FAMILIES, SCENE_FAMILIES, SCENES, WORLD_SEED
from maestro_env.tasks.procedural.scene import Placed, SceneStyle, compose_scene
from maestro_env.tasks.procedural.wordings import ANSWERS, COLOURS, Intent, framed_wording, plain_wording
from maestro_env.types import Box

STORED_PX = 96
"""Side of stored views for readers: 1.5 times what a reader sees, so that crops stay sharp."""
SHARD_FIGURES = 256
"""Figures (or scenes) drawn for one shard."""
PATCH_WIDTH = 1.7
"""Side of a stored patch, in sides of the framed figure."""
VISIBLE_PX = 22
"""A framed figure counts as visible in a view if it spans this many of the reader's pixels."""
TILE_SHARES = (0.5, 0.5, 1 / 3)
"""Sides of the windows of a count, as shares of the picture: mostly those that the skill cuts."""
SEARCH_SHARES = (1 / 3, 0.25)
"""Sides of the wide windows of a search; tight ones are `SEARCH_WIDTH` targets wide, more or less."""
SEARCH_WIDTH = 3.0
"""Side of the region of a search's target, in targets: what it is unlike stays in view."""
SEARCH_FRAMING = (0.8, 1.6)
"""How much wider or tighter than that region a tight window is."""
CLOSE_UP_SIDES_PX = (90, 256)
"""Side of the drawings that are closed up on: from one that lay small on a page to the largest view."""
CLOSE_UP_FRAMING = (0.9, 1.7)
"""The skill's two framings, and what is between."""
SCENE_SHARES = (0.5, 1 / 3, 0.25)
"""Sides of the windows of a scene."""
LOCATE_STYLE = SceneStyle(
    side_px=768, figure_px=(80, 190), num_figures_odds={1: 0.15, 2: 0.5, 3: 0.2, 4: 0.15}, clutter=1.5
)
"""Scenes that locators learn from: from those of `scene` to the small figures of the large scenes."""

CLOSED = tuple(name for name in FAMILIES if name not in ("ocr", "visual_code"))
"""Families whose answers are in the readers' vocabulary."""
_WINDOWED = ("counting", "visual_search")
SOURCES = (
    *(f"plain/{name}" for name in CLOSED),
    *(f"patch/{name}" for name in SCENE_FAMILIES),
    *(f"window/{name}" for name in _WINDOWED),
    "close/geometry",
    "scene/windows",
    *(f"locate/{name}" for name in SCENE_FAMILIES),
    "locate/visual_search",
    "primer/signs",
    "glyph/lines",
)


@dataclass
class _Shard:
    """What a shard collects while it is drawn."""

    images: list[NDArray[np.uint8]]
    rows: list[tuple[int, NDArray[np.int64], int, tuple[float, float, float, float]]]

    def add_image(self, image: Image.Image, side_px: int) -> int:
        self.images.append(np.asarray(image.resize((side_px, side_px), Image.Resampling.BOX, reducing_gap=2.0)))
        return len(self.images) - 1

    def add_row(self, image: int, question: str, answer: int, box: tuple[float, float, float, float]) -> None:
        """Add a question about an image; the box is a part of the image, as fractions: left, top, right, bottom."""
        self.rows.append((image, tokenise(question), answer, box))


_ALL = (0.0, 0.0, 1.0, 1.0)


def draw_shard(source: str, number: int, *, num_figures: int | None = None) -> dict[str, NDArray[np.generic]]:
    """Draw one shard.

    Args:
        source: One of `SOURCES`.
        number: Which shard, 0 and up; part of its seed.
        num_figures: Draw fewer than `SHARD_FIGURES`.

    Returns:
        `images` uint8 [I, side, side, 3]; and for each of R questions: `image` int32 [R], `tokens` int16 [R, T],
        `answer` int16 [R], `box` float32 [R, 4].
    """
    rng = np.random.default_rng([WORLD_SEED, zlib.crc32(f"pool/{source}".encode()), number])
    shard = _Shard(images=[], rows=[])
    kind, name = source.split("/")
    for _ in range(num_figures or SHARD_FIGURES):
        difficulty = float(rng.random())
        if kind == "plain":
            _add_plain(shard, name, rng, difficulty)
        elif kind == "window":
            _add_windows(shard, name, rng, difficulty)
        elif kind == "patch":
            _add_patch(shard, name, rng, difficulty)
        elif source == "close/geometry":
            _add_close_up(shard, rng, difficulty)
        elif source == "scene/windows":
            _add_scene_windows(shard, rng, difficulty)
        elif kind == "primer":
            # More hard signs than easy ones: large ones are soon learned.
            sign, question, answer = draw_sign(rng, size_px=2 * STORED_PX, difficulty=difficulty**0.5)
            shard.add_row(shard.add_image(sign, STORED_PX), question, ANSWERS.index(answer), _ALL)
        elif kind == "glyph":
            _add_glyphs(shard, rng)
        elif source == "locate/visual_search":
            _add_search_box(shard, rng, difficulty)
        else:
            _add_scene_box(shard, name, rng, difficulty)
    image, tokens, answer, box = zip(*shard.rows, strict=True)
    return {
        "images": np.stack(shard.images),
        "image": np.array(image, np.int32),
        "tokens": np.stack(tokens).astype(np.int16).reshape(-1, MAX_TOKENS),
        "answer": np.array(answer, np.int16),
        "box": np.array(box, np.float32),
    }


@cache
def fingerprint(source: str) -> str:
    """Return a digest of a source's first figures: it changes when drawing them does."""
    digest = hashlib.sha256()
    for name, array in sorted(draw_shard(source, 0, num_figures=3).items()):
        digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def build_shard(folder: Path, source: str, number: int) -> Path:
    """Draw a shard into the pool unless it is there already, and return its path."""
    path = folder / f"{source.replace('/', '-')}-{fingerprint(source)}" / f"{number:04d}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished.npz")
        np.savez(unfinished, allow_pickle=False, **draw_shard(source, number))
        unfinished.rename(path)
    return path


def _wording(query: Query, rng: np.random.Generator) -> str:
    return query.question or plain_wording(query.intent, rng)


def _add_plain(shard: _Shard, name: str, rng: np.random.Generator, difficulty: float) -> None:
    family = FAMILIES[name]
    figure = family.draw(rng, size_px=family.native_px, difficulty=difficulty)
    image = shard.add_image(figure.image, STORED_PX)
    for query in figure.queries:
        shard.add_row(image, _wording(query, rng), ANSWERS.index(query.answer), _ALL)


def _add_windows(shard: _Shard, name: str, rng: np.random.Generator, difficulty: float) -> None:
    """Add two windows of a figure: a random one, and one around a piece of evidence."""
    family = FAMILIES[name]
    figure = family.draw(rng, size_px=family.native_px, difficulty=difficulty)
    queries = [query for query in figure.queries if query.where]
    for centred in (False, True):
        share = _window_share(figure, rng, centred=centred)
        left, top = (float(v) for v in rng.uniform(0, 1 - share, 2))
        if centred:
            x, y = queries[0].where[int(rng.integers(len(queries[0].where)))]
            left, top = (float(np.clip(v - share * rng.uniform(0.2, 0.8), 0, 1 - share)) for v in (x, y))
        pixels = [round(v * family.native_px) for v in (left, top, left + share, top + share)]
        image = shard.add_image(figure.image.crop((pixels[0], pixels[1], pixels[2], pixels[3])), STORED_PX)
        for query in queries:
            inside = sum(left <= x < left + share and top <= y < top + share for x, y in query.where)
            if query.intent is Intent.COUNT:
                answer = ANSWERS.index(str(inside))
            else:
                answer = ANSWERS.index(query.answer) if inside else NOT_VISIBLE
            shard.add_row(image, _wording(query, rng), answer, _ALL)


def _window_share(figure: Figure, rng: np.random.Generator, *, centred: bool) -> float:
    target_share = figure.factors.get("target_share")
    if target_share is None:
        return TILE_SHARES[int(rng.integers(len(TILE_SHARES)))]
    if centred and rng.random() < 2 / 3:
        return float(target_share) * SEARCH_WIDTH * float(rng.uniform(*SEARCH_FRAMING))
    return SEARCH_SHARES[int(rng.integers(len(SEARCH_SHARES)))]


def _add_close_up(shard: _Shard, rng: np.random.Generator, difficulty: float) -> None:
    """Add what a drawing marks by colour, with the questions that are answered from near."""
    family = FAMILIES["geometry"]
    figure = family.draw(rng, size_px=family.native_px, difficulty=difficulty)
    side = int(rng.integers(CLOSE_UP_SIDES_PX[0], CLOSE_UP_SIDES_PX[1] + 1))
    drawing = figure.image.resize((side, side), Image.Resampling.BOX)
    image = shard.add_image(close_up(drawing, float(rng.uniform(*CLOSE_UP_FRAMING))), STORED_PX)
    for query in figure.queries:
        if asks_for_marked_letter(question := _wording(query, rng)):
            framed = framed_wording(query.intent, pick(tuple(COLOURS), rng), rng)
            shard.add_row(image, question, ANSWERS.index(query.answer), _ALL)
            shard.add_row(image, framed, ANSWERS.index(query.answer), _ALL)


def _shared(figure: Figure) -> list[Query]:
    return [query for query in figure.queries if not query.question]


def _scene_with(
    name: str, rng: np.random.Generator, difficulty: float, style: SceneStyle = SCENES["scene"]
) -> tuple[Image.Image, tuple[Placed, ...]]:
    """Compose a scene whose target is of a family; the other figures are of any."""
    others = [family for other, family in SCENE_FAMILIES.items() if other != name]
    families = [SCENE_FAMILIES[name], *others]
    scene = compose_scene(families, rng, style=style, difficulty=difficulty, target=name)
    return scene.image, scene.placed


def _other_frame(placed: tuple[Placed, ...], item: Placed, rng: np.random.Generator) -> str:
    """Name a frame colour that is not the item's; one that the scene holds, if there is one."""
    held = [other.frame_colour for other in placed if other is not item]
    free = held or [colour for colour in COLOURS if colour != item.frame_colour]
    return free[int(rng.integers(len(free)))]


def _add_patch(shard: _Shard, name: str, rng: np.random.Generator, difficulty: float) -> None:
    scene, placed = _scene_with(name, rng, difficulty)
    item = placed[0]
    side = item.box.width * PATCH_WIDTH
    centre_x, centre_y = (item.box.left + item.box.right) / 2, (item.box.top + item.box.bottom) / 2
    left, top = (float(np.clip(v - side / 2, 0, scene.width - side)) for v in (centre_x, centre_y))
    corners = (round(left), round(top), round(left + side), round(top + side))
    image = shard.add_image(scene.crop(corners), STORED_PX)
    box = (
        (item.box.left - left) / side,
        (item.box.top - top) / side,
        (item.box.right - left) / side,
        (item.box.bottom - top) / side,
    )
    queries = _shared(item.figure)
    for query in queries:
        question = framed_wording(query.intent, item.frame_colour, rng)
        shard.add_row(image, question, ANSWERS.index(query.answer), box)
    wrong = framed_wording(queries[-1].intent, _other_frame(placed, item, rng), rng)
    shard.add_row(image, wrong, NOT_VISIBLE, box)


def _add_scene_windows(shard: _Shard, rng: np.random.Generator, difficulty: float) -> None:
    name = list(SCENE_FAMILIES)[int(rng.integers(len(SCENE_FAMILIES)))]
    scene, placed = _scene_with(name, rng, difficulty)
    windows = [Box(left=0, top=0, right=scene.width, bottom=scene.width)]
    for share in SCENE_SHARES:
        side = share * scene.width
        left, top = (float(v) for v in rng.uniform(0, scene.width - side, 2))
        windows.append(Box(left=left, top=top, right=left + side, bottom=top + side))
    for window in windows:
        corners = (round(window.left), round(window.top), round(window.right), round(window.bottom))
        image = shard.add_image(scene.crop(corners), STORED_PX)
        for item in placed:
            queries = _shared(item.figure)
            query = queries[int(rng.integers(len(queries)))]
            answer = ANSWERS.index(query.answer) if _shows(window, item.box) else NOT_VISIBLE
            shard.add_row(image, framed_wording(query.intent, item.frame_colour, rng), answer, _ALL)


def _shows(window: Box, box: Box) -> bool:
    """Whether a window shows a figure whole and large enough for a reader."""
    slack = 0.06 * box.width
    whole = (
        window.left <= box.left + slack
        and window.top <= box.top + slack
        and window.right >= box.right - slack
        and window.bottom >= box.bottom - slack
    )
    return whole and box.width / window.width * READER_PX >= VISIBLE_PX


def _add_scene_box(shard: _Shard, name: str, rng: np.random.Generator, difficulty: float) -> None:
    scene, placed = _scene_with(name, rng, difficulty, LOCATE_STYLE)
    item = placed[0]
    image = shard.add_image(scene, LOCATOR_PX)
    box = item.box
    for query in _shared(item.figure):
        question = framed_wording(query.intent, item.frame_colour, rng)
        left, top, right, bottom = (v / scene.width for v in (box.left, box.top, box.right, box.bottom))
        shard.add_row(image, question, 0, (left, top, right, bottom))


def _add_search_box(shard: _Shard, rng: np.random.Generator, difficulty: float) -> None:
    """Add a plain search with the region of its target."""
    family = FAMILIES["visual_search"]
    figure = family.draw(rng, size_px=family.native_px, difficulty=difficulty)
    image = shard.add_image(figure.image, LOCATOR_PX)
    half = SEARCH_WIDTH / 2 * float(figure.factors["target_share"])
    for query in figure.queries:
        for x, y in query.where:
            shard.add_row(image, _wording(query, rng), 0, (x - half, y - half, x + half, y + half))


def _add_glyphs(shard: _Shard, rng: np.random.Generator) -> None:
    for image, glyph in glyph_examples(rng):
        shard.add_row(shard.add_image(image, GLYPH_PX), "", glyph, _ALL)
