"""The one HTML page: the template with its styles and scripts inside, and a policy that lets nothing else run or load.

Scripts are allowed by their hash, the report's own case files by their place, and no request goes anywhere.
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
"""In the order in which they run."""

_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)

STYLES = ("vendor/tabulator.min.css", "report.css")


@dataclass(frozen=True)
class Page:
    """What varies from page to page.

    Attributes:
        title: of the page.
        data: the first page's data, as `as_json` writes it.
        inline_cases: by name, data of cases that are part of the page itself.
        inline_thumbs: all thumbnails, where they are part of the page itself.
    """

    title: str
    data: str
    inline_cases: Mapping[str, str]
    inline_thumbs: str | None


def render(page: Page) -> str:
    """The page as HTML."""
    scripts = [_within(asset(name)) for name in SCRIPTS]
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(asset("index.html.j2")).render(
        page=page,
        # A folder's name may hold what is no text.
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
    """The text of a file that comes with auvseg."""
    folder = resources.files("auvseg.report") / "assets"
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")


def _within(text: str) -> str:
    """A script or style without anything that would end its element, or ask for another file."""
    text = _SOURCE_MAP.sub("", text)
    return text.replace("</script", r"<\/script").replace("</style", r"<\/style")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
