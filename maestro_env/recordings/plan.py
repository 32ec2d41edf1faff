"""What is to be recorded, as data: the tasks, the experts, and how the work is cut into shards."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from maestro_env.errors import ConfigurationError, unknown_name
from maestro_env.recordings.manifest import registry_to_json
from maestro_env.registry import Registry
from maestro_env.skills.workflows import check_skills
from maestro_env.types import SPLITS


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRequest:
    """Names one task."""

    benchmark: str
    split: str
    index: int


@dataclass(frozen=True, kw_only=True)
class RecordingPlan:
    """What is to be recorded; equal plans give equal recordings."""

    name: str
    registry: Registry
    counts: Mapping[str, Mapping[str, int]]
    """Benchmark -> split -> number of tasks, from index 0 on."""
    question_encoder: str
    view_encoder: str
    cost_unit: str = "passes"
    seeds: Mapping[str, int] = field(default_factory=dict[str, int])
    made: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else the replies depend on, in words: versions, hashes of weights."""
    shard_tasks: int = 150
    """Tasks a shard: what a kill costs at most, for each worker."""
    group_tasks: int = 25
    """Tasks whose calls are batched together: more hold more pictures in memory."""

    def __post_init__(self) -> None:
        check_skills(self.registry)
        for benchmark, by_split in self.counts.items():
            for split, count in by_split.items():
                if split not in SPLITS:
                    raise unknown_name(f"split of benchmark {benchmark!r}", split, SPLITS)
                if count < 0:
                    raise ConfigurationError(f"{benchmark}/{split}: {count} tasks; expected 0 or more.")
        for name in ("shard_tasks", "group_tasks"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}={getattr(self, name)}; expected 1 or more.")
        if not self.requests:
            raise ConfigurationError("The plan holds no tasks; ask for at least one.")

    @cached_property
    def requests(self) -> tuple[TaskRequest, ...]:
        """Every task, in the order of the recording: by benchmark, then split, then index."""
        return tuple(
            TaskRequest(benchmark=benchmark, split=split, index=index)
            for benchmark, by_split in self.counts.items()
            for split in SPLITS
            for index in range(by_split.get(split, 0))
        )

    @property
    def num_shards(self) -> int:
        return -(-len(self.requests) // self.shard_tasks)

    def shard(self, index: int) -> tuple[TaskRequest, ...]:
        """Return the tasks of a shard; the last one may be smaller."""
        return self.requests[index * self.shard_tasks : (index + 1) * self.shard_tasks]

    def to_json(self) -> str:
        """Return the whole plan as text: what must be the same for a recording to be resumed."""
        document = {
            "name": self.name,
            "registry": registry_to_json(self.registry),
            "counts": {benchmark: dict(by_split) for benchmark, by_split in self.counts.items()},
            "encoders": {"question": self.question_encoder, "view": self.view_encoder},
            "cost_unit": self.cost_unit,
            "seeds": dict(self.seeds),
            "made": dict(self.made),
            "shard_tasks": self.shard_tasks,
            "group_tasks": self.group_tasks,
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @property
    def sha256(self) -> str:
        """Of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()
