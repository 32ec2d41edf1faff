"""What is measured: agents against each other, and the environment's speed. Run from the clone with python -m."""
