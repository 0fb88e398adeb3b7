"""The report: figures from tables, and a study or a reproduction as one HTML page."""

from exemplum.report.reproduction import write_reproduction

__all__ = ["write_reproduction"]
