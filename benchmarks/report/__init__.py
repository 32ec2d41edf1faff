"""The report of a comparison: one HTML page that needs nothing else, no network included. Its parts are a file each."""

from benchmarks.report.page import write_report

__all__ = ["write_report"]
