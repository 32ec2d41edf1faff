"""The page of a comparison: what is on it, and that nothing from tasks or replies gets into it as HTML."""

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.bootstrap import Interval
from benchmarks.findings import Findings, document, find
from benchmarks.learning import Block
from benchmarks.playing import Run, World
from benchmarks.provenance import Provenance
from benchmarks.report.gallery import KINDS, NUM_EXAMPLES, examples_of
from benchmarks.report.markup import Markup, join, tag
from benchmarks.report.page import page
from benchmarks.report.scale import Scale, ticks
from benchmarks.report.wording import breakable, percent, points, span
from benchmarks.settings import Settings
from maestro_agents.evaluate import evaluate
from maestro_agents.fixed_expert import FixedExpert
from maestro_agents.random import Random
from maestro_env.testing import fake_recording

EVIL = "<script>alert('x')</script> & \"more\""


class Outline(HTMLParser):
    """The elements of a page, checked to be closed in the order in which they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "wbr"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, name: str) -> list[Mapping[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def make_findings(picture: Path, *, name: str = "Random", learning: tuple[Block, ...] = ()) -> Findings:
    """A comparison of two agents on a recording whose questions and replies are hostile."""
    recording = fake_recording(num_tasks=120)
    rng = np.random.default_rng(0)
    tasks = tuple(
        replace(task, question=EVIL, images=(str(picture),), factors={"difficulty": float(rng.random())})
        for task in recording.tasks
    )
    world = World(recording=replace(recording, tasks=tasks, texts=(EVIL, *recording.texts[1:])))
    runs = [
        Run(
            agent=agent.__name__ if agent is FixedExpert else name,
            seed=seed,
            settings={},
            val_reward=0.5,
            seconds=1.0,
            episodes=tuple(evaluate(agent(world.env("train"), seed=seed).learn(0), world.env("test"), seed=seed)),
            learning=learning if agent is Random else (),
        )
        for agent, seed in ((Random, 0), (Random, 1), (FixedExpert, 0))
    ]
    source = Provenance(
        command="python -m benchmarks.compare", commit="0123456789abcdef", processor="A processor", cores=2,
        python="3.11.7", versions={},
    )  # fmt: skip
    return find(runs, world=world, settings=Settings(agents=(name, "FixedExpert")), source=source)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "task.png"
    Image.new("RGB", (640, 480), "teal").save(path)
    return path


@pytest.fixture(scope="module")
def findings(picture: Path) -> Findings:
    return make_findings(picture, learning=(Block(num_episodes=30, mean=0.2, variance=0.1),) * 3)


@pytest.fixture(scope="module")
def html(findings: Findings) -> str:
    return page(findings)


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    return Outline(html)


def test_page__text_from_tasks_and_replies_is_escaped(html: str, outline: Outline) -> None:
    assert len(outline.all("script")) == 1
    assert "alert('x')</script>" not in html
    assert EVIL in outline.words  # as text it is there: as a question, and as a reply


def test_page__a_hostile_agent_name_is_escaped(picture: Path) -> None:
    text = page(make_findings(picture, name='<b onclick="x">'))
    assert '<b onclick="x">' not in text
    assert "&lt;b onclick" in text


def test_page__needs_nothing_from_elsewhere(html: str, outline: Outline) -> None:
    assert outline.all("link") == []
    assert not [attributes for _, attributes in outline.tags if "src" in attributes]
    references = [attributes["href"] or "" for _, attributes in outline.tags if "href" in attributes]
    assert {reference.partition(":")[0] for reference in references if not reference.startswith("#")} == {"data"}
    assert "@import" not in html
    assert "url(" not in html


def test_page__has_every_section_and_links_to_it(outline: Outline) -> None:
    ids = [section["id"] for section in outline.all("section")]
    assert ids == [
        "leaderboard", "cost", "benchmarks", "capabilities", "difficulty", "learning", "calls", "episodes",
    ]  # fmt: skip
    links = [link["href"] for link in outline.all("a")]
    assert links == ["#leaderboard", *(f"#{name}" for name in ids)]


def test_page__without_learning_curves_there_is_no_such_section(picture: Path) -> None:
    outline = Outline(page(make_findings(picture)))
    assert "learning" not in [section["id"] for section in outline.all("section")]
    assert "#learning" not in [link["href"] for link in outline.all("a")]


def test_page__regret_is_of_agents_of_one_call(findings: Findings) -> None:
    behaviours = {one.agent: one for one in findings.behaviours}
    learning = next(one.learning for one in findings.behaviours if one.learning)
    assert 'id="regret"' not in page(findings)  # only Random reports what it earned, and it calls more than once
    own = tuple(replace(one, learning=learning) for one in behaviours.values())
    text = page(replace(findings, behaviours=own))
    assert text.partition('id="regret"')[2].partition("</section>")[0].count("<figcaption>") == 1


def test_page__tables_have_captions_headers_and_a_source(html: str, outline: Outline) -> None:
    assert len(outline.all("caption")) == len(outline.all("table")) > 5
    assert all(header["scope"] in ("col", "row") for header in outline.all("th"))
    for section in html.split("<section")[1:]:
        assert 'class="source"' in section
    for word in ("python -m benchmarks.compare", "0123456789", "seeds 0–1", "2 cores, A processor"):
        assert any(word in words for words in outline.words), word


def test_page__pictures_are_small_and_have_a_text(html: str, outline: Outline) -> None:
    pictures = outline.all("image")
    assert len(pictures) > 20
    kind, _, data = (pictures[0]["href"] or "").partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(BytesIO(b64decode(data))) as image:
        assert image.size == (360, 270)
    charts = [svg for svg in outline.all("svg") if svg.get("aria-hidden") != "true"]
    assert all(svg["role"] == "img" for svg in charts)
    assert html.count("<title>") >= len(charts)
    assert len(html) < 8e6


def test_page__a_picture_that_is_missing_is_said_in_words(tmp_path: Path) -> None:
    text = page(make_findings(tmp_path / "gone.png"))
    assert "The picture cannot be loaded." in text
    assert "<image" not in text


def test_page__a_smoke_test_says_so(findings: Findings, html: str) -> None:
    assert "smoke test" not in html
    assert "smoke test" in page(replace(findings, settings=replace(findings.settings, quick=True)))


def test_script__is_valid() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = str(resources.files("benchmarks.report").joinpath("report.js"))
    done = subprocess.run([node, "--check", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_examples__show_every_agent_and_benchmark(findings: Findings) -> None:
    examples = examples_of(findings)
    assert len(examples) <= NUM_EXAMPLES
    assert {example.agent for example in examples} == {"Random", "FixedExpert"}
    assert {example.benchmark for example in examples} == set(findings.summary.benchmarks)
    assert {example.kind for example in examples} <= set(KINDS)


def test_examples__end_as_their_episodes_did(findings: Findings) -> None:
    for example in examples_of(findings):
        (episode,) = [e for e in findings.runs[example.agent][0].episodes if e.task_id == example.frame.task_id]
        assert example.frame.outcome == episode.outcome
        assert example.frame.answer == episode.answer
        assert example.frame.cost == pytest.approx(episode.passes)
        assert [turn.expert for turn in example.frame.turns] == list(episode.experts)


def test_document__holds_each_agents_interval_metrics_and_behaviour(findings: Findings) -> None:
    written = json.loads(json.dumps(document(findings), allow_nan=False))
    for agent in written["agents"]:
        assert agent["accuracy"]["low"] <= agent["accuracy"]["mean"] <= agent["accuracy"]["high"]
        assert set(agent["accuracy_by_benchmark"]) == set(findings.summary.benchmarks)
        assert 0 <= agent["metrics"]["collapse"] <= 1
        assert agent["behaviour"]["sequences"]
        assert agent["letters"]


def test_tag__escapes_text_and_attributes_but_not_elements() -> None:
    assert tag("p", "a < b", tag("b", "&"), title='"') == '<p title="&quot;">a &lt; b<b>&amp;</b></p>'
    assert (
        tag("td", class_="x", data_value=None, hidden=True, x1=1.5, y=2.0)
        == '<td class="x" hidden x1="1.5" y="2"></td>'
    )
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert isinstance(join("<"), Markup)


def test_scale__maps_ends_to_ends() -> None:
    scale = Scale(low=0, high=2, start=100, end=0)
    assert [scale.at(value) for value in (0, 1, 2)] == [100, 50, 0]


def test_ticks__are_round_and_inside() -> None:
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(0.31, 1.0, about=4) == pytest.approx([0.4, 0.6, 0.8, 1.0])
    assert ticks(0, 17) == [0, 5, 10, 15]


def test_wording__is_aligned_and_signed() -> None:
    interval = Interval(mean=0.5, low=0.456, high=1.0)
    assert percent(0.5) == "50.0"
    assert span(interval) == "45.6 – 100.0"
    assert points(-0.051) == "−5.1"
    assert breakable("a/<b>_c") == "a/<wbr>&lt;b&gt;_<wbr>c"
