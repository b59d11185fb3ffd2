"""Known vulnerabilities of what is installed, by pip-audit; where its database cannot be reached, a word that says so.

    python tools/audit.py

Exit status 1 where a vulnerability is known. Without the network nothing is known, which is said and is no failure.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_S = 300


def main() -> int:
    """Ask for every installed distribution but auvseg itself; 1 where one is vulnerable."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "audit.json"
        options = ["--skip-editable", "--progress-spinner", "off", "--timeout", "10", "--format", "json"]
        command = [sys.executable, "-m", "pip_audit", *options, "--output", str(report)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
            content = json.loads(report.read_text(encoding="utf-8"))
        except subprocess.TimeoutExpired:
            return skipped(f"no answer within {LIMIT_S} s")
        except (OSError, ValueError):
            return skipped((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    return told(content["dependencies"])


def skipped(why: str) -> int:
    """Say that nothing was audited."""
    print(f"audit: skipped, pip-audit's database cannot be asked: {why[:200]}")
    return 0


def told(dependencies: list[dict[str, object]]) -> int:
    """A line for every known vulnerability."""
    asked = [one for one in dependencies if "vulns" in one]
    if not asked:
        return skipped(str(dependencies[0].get("skip_reason")) if dependencies else "it knows no distribution")
    found = [(one, vulnerability) for one in asked for vulnerability in one["vulns"]]  # type: ignore[attr-defined]
    for one, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
        print(f"audit: {one['name']} {one['version']}: {vulnerability['id']}, mended in {fixed}")
    print(f"audit: {len(asked)} distributions, {len(found)} known vulnerabilities")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main())
