"""`auvseg doctor`: check the installation."""

import typer

from auvseg.cli.console import AsJson, show_json, show_table


def command(as_json: AsJson = False) -> None:
    """Show versions, devices and weights, with advice for everything that is missing.

    Example: [bold]auvseg doctor[/bold]
    """
    from auvseg.doctor import examine

    findings = examine()
    status = 1 if any(finding.state == "problem" for finding in findings) else 0
    if as_json:
        show_json({"findings": findings})
        raise typer.Exit(status)
    marks = {"ok": "ok", "optional": "-", "problem": "PROBLEM"}
    rows = [(finding.what, marks[finding.state], finding.found, finding.advice) for finding in findings]
    show_table("", ("", "", "found", "advice"), rows, left=4)
    raise typer.Exit(status)
