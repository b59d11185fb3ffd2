"""`auvseg doctor`: what is installed, and one line of advice for each thing missing."""

import typer

from auvseg.cli.console import show_table


def command() -> None:
    """Show versions, devices and weights, with one line of advice for each thing that is missing.

    Example: [bold]auvseg doctor[/bold]
    """
    from auvseg.doctor import examine

    findings = examine()
    marks = {"ok": "ok", "optional": "-", "problem": "PROBLEM"}
    rows = [(finding.what, marks[finding.state], finding.found, finding.advice) for finding in findings]
    show_table("", ("", "", "found", "advice"), rows, left=4)
    raise typer.Exit(1 if any(finding.state == "problem" for finding in findings) else 0)
