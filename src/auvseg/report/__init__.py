"""The report: look at the suspicious cases, decide, and feed the decision back."""

from auvseg.report.build import ReportDone, ReportOptions, write_report

__all__ = ["ReportDone", "ReportOptions", "write_report"]
