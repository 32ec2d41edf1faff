"""Checking a registry file whole: every problem at once, each with its line, its key and its cure."""
