"""Recordings: what experts replied, on disk and in memory."""
