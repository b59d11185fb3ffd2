from report_runs import drawn, own_run

__all__ = ["drawn", "own_run"]
