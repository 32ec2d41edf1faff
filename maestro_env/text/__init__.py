"""The text protocol: an orchestrator that writes its calls and its answer, such as a language model."""
