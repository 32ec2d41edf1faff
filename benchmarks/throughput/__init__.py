"""Speed and memory, measured by pytest-benchmark: `make bench`. Times are reported, never asserted."""
