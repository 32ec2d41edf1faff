"""Agents for maestro-env: one readable file each, all with Stable-Baselines3's interface.

This file imports none of them: `maestro_agents.ppo` needs the extra `agents` (`pip install 'maestro-env[agents]'`).
"""
