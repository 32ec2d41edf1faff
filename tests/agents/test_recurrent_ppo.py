"""RecurrentPPO's memory: it is carried on, and cleared where an episode starts."""

import numpy as np

from maestro_agents.recurrent_ppo import RecurrentPPO
from maestro_env.env import MaestroEnv


def test_recurrent_ppo__remembers_until_an_episode_starts(train_env: MaestroEnv) -> None:
    agent = RecurrentPPO(train_env, num_envs=2, rollout_steps=16, batch_size=16, memory=16).learn(32)
    first, _ = train_env.reset(seed=0)
    _, state = agent.predict(first)
    second, *_ = train_env.step(1)
    _, afresh = agent.predict(second)
    _, remembering = agent.predict(second, state, np.array([False]))
    _, forgetting = agent.predict(second, state, np.array([True]))
    assert afresh is not None
    assert remembering is not None
    assert forgetting is not None
    assert afresh[0].shape == (1, 1, 16)  # one observation, one layer
    assert np.abs(remembering[0] - afresh[0]).max() > 1e-4
    np.testing.assert_array_equal(forgetting[0], afresh[0])
