"""Everything that was measured, in one place: what the page and the JSON are written from."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.provenance import Provenance
from benchmarks.world_gates.feedback import Feedback
from benchmarks.world_gates.gate import Gate
from benchmarks.world_gates.open_loop import OpenLoop
from benchmarks.world_gates.scope import Roles
from benchmarks.world_gates.tables import BenchmarkTable
from benchmarks.world_gates.usefulness import SkillGain


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Upper bounds of any policy on test of the trained-on benchmarks, at each of `frontiers.COSTS`."""

    any_right: tuple[float, ...]
    confident_only: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the command measured."""

    gates: tuple[Gate, ...]
    roles: Roles
    tables: tuple[BenchmarkTable, ...]
    """Of every benchmark with test tasks: trained on, unseen, extended."""
    skills: tuple[SkillGain, ...]
    plans: OpenLoop
    expert_ids: tuple[str, ...]
    """Of the core registry: what the plans' numbers mean."""
    policies: Feedback
    bounds: Bounds
    rendered: Mapping[str, int]
    """Tasks of each benchmark that were drawn and passed their family's check of solvability."""
    compute: str
    """What training cost, in words."""
    seeds: int
    source: Provenance
