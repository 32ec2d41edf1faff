"""The embedded frozen networks: architecture, training, shipped weights. What is done with them is a skill's job."""
