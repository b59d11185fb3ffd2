"""The report: look at the suspicious cases, decide, and feed the decision back."""

from auvseg.report.build import ReportDone, write_report
from auvseg.report.ranked_run import ReportOptions

__all__ = ["ReportDone", "ReportOptions", "write_report"]
