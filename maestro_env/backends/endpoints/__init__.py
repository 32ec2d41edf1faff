"""Asking models behind endpoints: one idea a file, put together in caller.py."""
