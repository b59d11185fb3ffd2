"""The HTML report: inspect suspicious cases, give verdicts, export them."""

from auvseg.report.build import ReportDone, write_report
from auvseg.report.ranked_run import ReportOptions

__all__ = ["ReportDone", "ReportOptions", "write_report"]
