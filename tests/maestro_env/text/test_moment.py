from maestro_env import MaestroEnv
from maestro_env.env import NO_EXPERT
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from maestro_env.text.moment import moment_of

# Actions of the fake registry: 1 generalist/Direct, 7 locator-a, 8 locator-b.


def test_moment__follows_an_episode() -> None:
    env = MaestroEnv(recording=fake_recording(num_tasks=40, benchmarks=["scene"]), registry=None)
    _, info = env.reset(seed=0)
    start = moment_of(env)
    assert (start.task.id, start.view.context.id, start.view.images) == (info["task_id"], "whole", start.task.images)
    assert (start.called_here, start.num_turns, start.cost, start.confidence) == (frozenset(), 0, 0.0, None)
    env.step(1)
    read = moment_of(env)
    assert (read.called_here, read.num_turns, read.cost) == (frozenset({1}), 1, 1.0)
    index = env.recording.index_of(info["task_id"])
    assert read.confidence == env.recording.confidence[index, 0, 0]
    env.step(NO_EXPERT)
    lost = moment_of(env)
    assert (lost.called_here, lost.num_turns, lost.confidence) == (frozenset({1}), 2, None)
    env.step(7)
    located = moment_of(env)
    assert (located.view.context.id, located.called_here) == ("region:locator-a", frozenset())
    assert located.view.context.box is not None


def test_moment__a_failure_states_no_confidence(fake: Recording) -> None:
    env = MaestroEnv(recording=fake, registry=None)
    for task_id in env.task_ids:
        env.reset(options={"task": task_id})
        if env.step(1)[-1]["status"] == "timeout":
            assert moment_of(env).confidence is None
            return
    raise AssertionError("the fake recording holds no failure of expert 0")
