"""Render the HTML page: the template with inlined styles and scripts, and a policy that blocks everything else.

Scripts are allowed by hash and the report's own case files by location; no network request is made.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined

SCRIPTS = (
    "vendor/echarts.min.js",
    "vendor/tabulator.min.js",
    "numbers.js",
    "csv.js",
    "planes.js",
    "store.js",
    "review.js",
    "painting.js",
    "windowing.js",
    "viewer.js",
    "slice_strips.js",
    "plots.js",
    "filter_cut.js",
    "spectrum.js",
    "gallery.js",
    "table.js",
    "shortcuts.js",
    "case.js",
    "review_panel.js",
    "app.js",
)
"""Scripts in the order in which they run."""

_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)

STYLES = ("vendor/tabulator.min.css", "report.css")


@dataclass(frozen=True)
class Page:
    """Variable content of a page.

    Attributes:
        title: title of the page.
        data: data of the first page, as written by `as_json`.
        inline_cases: by name, data of cases that are embedded in the page.
        inline_thumbs: all thumbnails, if they are embedded in the page.
    """

    title: str
    data: str
    inline_cases: Mapping[str, str]
    inline_thumbs: str | None


def render(page: Page) -> str:
    """Render the page as HTML."""
    scripts = [_within(asset(name)) for name in SCRIPTS]
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(asset("index.html.j2")).render(
        page=page,
        # A folder name may contain undecodable bytes.
        title=page.title.encode("utf-8", "replace").decode("utf-8"),
        scripts=scripts,
        styles=[_within(asset(name)) for name in STYLES],
        # The report's own files lie beside the page, on a disk (`file:`) or a server ('self').
        policy=(
            f"default-src 'none'; script-src 'self' file: {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
            "base-uri 'none'; form-action 'none'; connect-src 'none'"
        ),
    )


def asset(name: str) -> str:
    """Return the text of a file that ships with auvseg."""
    folder = resources.files("auvseg.report") / "assets"
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")


def _within(text: str) -> str:
    """Strip everything from a script or style that would end its element or request another file."""
    text = _SOURCE_MAP.sub("", text)
    return text.replace("</script", r"<\/script").replace("</style", r"<\/style")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
