"""Maestro-v0: learn which frozen expert to call next, and when to stop."""
