"""What `python -m benchmarks.world` measures, one idea a module; the gates themselves are listed in docs/world.md."""
