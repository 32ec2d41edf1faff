"""Agents for maestro-env: one readable file each, all with Stable-Baselines3's interface.

This file imports none of them: those that use torch or Stable-Baselines3 (`ppo`, `dqn`, `recurrent_ppo`, `pointer_ppo`,
`behaviour_cloning`, `fitted_rules`, `descriptor_router`) need the extra `agents` (`pip install 'maestro-env[agents]'`).
"""
