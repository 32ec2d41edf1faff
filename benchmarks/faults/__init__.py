"""How the backend of endpoints fares with servers that fail, and how fast it is with one that does not."""
