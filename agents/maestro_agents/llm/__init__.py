"""An orchestrator that is a language model: playing, warm start, GRPO, evaluation. Its rules are `maestro_env.text`'s.

This file imports nothing. What runs or trains a model needs the extra `llm` (`pip install 'maestro-env[llm]'`); a
server's client needs `openai`. Arrows: generation < tokenisers, layout < rollout < traces, generators < training,
backends < commands.
"""
