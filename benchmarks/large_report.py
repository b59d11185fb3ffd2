"""How long a report takes, how large it is, and how fast it is in a browser.

    python benchmarks/large_report.py [--cases 10000] [--images 100] [--browser no]

Makes a run of synthetic records with every measure and with views, three structures a case, then its report: without
images, with images, and in one file. Each is made in a process of its own, so that peak memory is its own. Where
Chromium and its driver are installed (Debian: `apt-get install chromium chromium-driver`; `pip install selenium`), the
first report is opened from the disk, and what a person does there is timed until the browser has drawn the answer.
"""

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from synthetic_run import dataset_of, make_run

BUILD_GOAL_S, INDEX_GOAL_MB, DRAWN_GOAL_S = 60.0, 15.0, 2.0

_ACTIONS = {
    "search": "put('search', ARG, 'input');",
    "verdict": "put('only', ARG, 'change');",
    "sort": "document.querySelectorAll('#table [tabulator-field^=m] .tabulator-col-content')[ARG].click();",
    "highlight": "auvseg.emit('highlight', ARG);",
    "cut": "put('keep', ARG, 'input');",
    "open": "location.hash = `case=${encodeURIComponent(auvseg.data.cases.id[ARG])}`;",
    "back": "location.hash = '';",
}
"""What a person does, as scripts."""

_WAITS = {
    "open": "document.querySelector('#case h2')?.textContent === auvseg.data.cases.id[ARG] && "
    "document.querySelector('#case .body').childElementCount",
    "back": "document.getElementById('case').hidden",
}
"""When it is done, where that is not at once."""

_STEPS = (
    ("search", ("'kidney'", "'0042'", "''")),
    ("sort", (0, 1, 2)),
    ("verdict", ("'keep'", "'none'", "''")),
    ("highlight", (5, 500, 50)),
    ("cut", ("0.9", "0.8", "0.95")),
    ("open", (1, 2, 3)),
    ("back", ("",)),
)

_UNTIL_DRAWN = """
const done = arguments[arguments.length - 1];
const put = (id, value, event) => {
  document.getElementById(id).value = value;
  document.getElementById(id).dispatchEvent(new Event(event));
};
const drawn = () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
const look = () => ((WAIT) ? drawn() : setTimeout(look, 1));
const start = performance.now();
ACTION
look();
"""

_WATCH = """
new MutationObserver((_, watcher) => {
  if (document.documentElement?.dataset.ready !== "yes") return;
  watcher.disconnect();
  window.readyAfter = performance.now();
}).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-ready"] });
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--browser", choices=("auto", "no"), default="auto")
    parser.add_argument("--keep", type=Path, help="Folder for the run and its reports, to stay.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        run = folder / "run"
        if not (run / "run.json").is_file():
            make_run(run, options.cases)
        shapes: list[tuple[str, dict[str, Any]]] = [
            ("no images", {"images": 0}),
            (f"{options.images} with images", {"images": options.images}),
            ("--single-file --top 50", {"images": 50, "top": 50, "single_file": True}),
        ]
        print(f"{options.cases} cases of three structures")
        for number, (name, asked) in enumerate(shapes):
            built = in_own_process(build, run, folder / f"report-{number}", options.cases, asked)
            show(name, built, judged=number == 0)
        if options.browser == "auto" and browser_is_here():
            for name, milliseconds in watch_browser(folder / "report-0" / "index.html").items():
                goal = DRAWN_GOAL_S if name != "ready" else None
                print(f"  {name:<24}{milliseconds / 1000:9.2f} s{verdict(milliseconds / 1000, goal)}")


def build(run: Path, output: Path, cases: int, asked: dict[str, Any]) -> dict[str, float]:
    """Make one report; seconds, sizes and peak memory."""
    from auvseg.report import ReportOptions, write_report

    shutil.rmtree(output, ignore_errors=True)
    dataset = dataset_of(output.parent / "volumes", cases) if asked["images"] else None
    started = time.perf_counter()
    done = write_report(run, output, dataset, ReportOptions(**asked))
    elapsed = time.perf_counter() - started
    files = [path.stat().st_size for path in (output / "cases").glob("*.js")]
    return {
        "seconds": elapsed,
        "index_mb": done.index.stat().st_size / 1e6,
        "case_kb": sum(files) / max(len(files), 1) / 1e3,
        "thumbs_mb": sum(path.stat().st_size for path in (output / "thumbs").glob("*.js")) / 1e6,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def show(name: str, built: dict[str, float], *, judged: bool) -> None:
    """Print one report's figures."""
    print(name)
    goals = (BUILD_GOAL_S, INDEX_GOAL_MB) if judged else (None, None)
    print(f"  {'made in':<24}{built['seconds']:9.1f} s{verdict(built['seconds'], goals[0])}")
    print(f"  {'index.html':<24}{built['index_mb']:9.2f} MB{verdict(built['index_mb'], goals[1])}")
    print(f"  {'a case, mean':<24}{built['case_kb']:9.1f} kB")
    print(f"  {'thumbnails':<24}{built['thumbs_mb']:9.2f} MB")
    print(f"  {'peak memory':<24}{built['peak_gb']:9.2f} GB", flush=True)


def verdict(value: float, goal: float | None) -> str:
    return "" if goal is None else f"   goal <= {goal:g}: {'met' if value <= goal else 'missed'}"


def in_own_process(function: Any, *arguments: Any) -> Any:
    """What a function returns in a new process, whose peak memory is its own."""
    # An executor's process may start others, which the pool of `multiprocessing` forbids: images are read in one.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()


def browser_is_here() -> bool:
    try:
        import selenium  # noqa: F401
    except ImportError:
        return False
    return shutil.which("chromium") is not None and shutil.which("chromedriver") is not None


def watch_browser(index: Path) -> dict[str, float]:
    """Milliseconds until the page is drawn, is ready, and has answered what a person does; the slowest of several."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    with tempfile.TemporaryDirectory() as profile:
        for flag in (
            "headless=new",
            "no-sandbox",
            "disable-gpu",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "window-size=1400,1000",
            f"user-data-dir={profile}",
        ):
            options.add_argument(f"--{flag}")
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            return _timed(driver, index)
        finally:
            driver.quit()


def _timed(driver: Any, index: Path) -> dict[str, float]:
    driver.set_script_timeout(120)
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
    driver.get(index.resolve().as_uri())
    found: dict[str, float] = {}
    for _ in range(1200):
        if driver.execute_script("return window.readyAfter !== undefined"):
            break
        time.sleep(0.1)
    paint = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    found["first paint"] = float(driver.execute_script(paint))
    found["ready"] = float(driver.execute_script("return window.readyAfter"))
    for name, values in _STEPS:
        found[name] = max(_act(driver, name, value) for value in values)
    memory = driver.execute_cdp_cmd("Performance.enable", {}) or driver.execute_cdp_cmd("Performance.getMetrics", {})
    heap = {one["name"]: one["value"] for one in memory.get("metrics", [])}.get("JSHeapUsedSize", 0)
    print(f"in Chromium {driver.capabilities['browserVersion']}, headless, {heap / 1e6:.0f} MB of JavaScript's heap")
    return found


def _act(driver: Any, name: str, value: object) -> float:
    script = _UNTIL_DRAWN.replace("ACTION", _ACTIONS[name]).replace("WAIT", _WAITS.get(name, "true"))
    return float(driver.execute_async_script(script.replace("ARG", str(value))))


if __name__ == "__main__":
    main()
