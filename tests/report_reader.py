"""A person with a browser: opens a report, presses keys, clicks, looks; Chromium, driven by its own protocol."""

import contextlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

OFFLINE = ("file:", "data:", "blob:", "about:")

_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1300,900",
)
_LACKS = {
    "storage": """
        Object.defineProperty(window, "localStorage", { get() { throw new DOMException("", "SecurityError"); } });
    """,
}
"""What a browser may lack, and how one that has it is made to."""

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def found_chromium():
    """Chromium and its driver; without them the test is skipped, but in CI, where it fails."""
    browser = next((path for name in _CHROMIUM if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    reason = "no Chromium with its driver; apt install chromium chromium-driver"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class ReportReader:
    """One browser window.

    Attributes:
        downloads: the folder into which it saves.
    """

    def __init__(self):
        browser, driver = found_chromium()
        self._profile = tempfile.mkdtemp(prefix="auvseg-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for switch in (*_SWITCHES, f"--user-data-dir={self._profile}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self._driver = webdriver.Chrome(options=options, service=Service(driver))
        # Away from the page for a new tab, which asks for files of the browser's own.
        self._driver.get("about:blank")
        for name, code in _LACKS.items():
            source = f"if (location.search === '?without={name}') {{ {code} }}"
            self.command("Page.addScriptToEvaluateOnNewDocument", source=source)
        self.downloads = Path(self._profile, "downloads")
        self.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def close(self):
        self._driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def command(self, name, **values):
        """One command of the browser's own protocol."""
        return self._driver.execute_cdp_cmd(name, values)

    def js(self, code, *values):
        """What a script returns; a bare expression needs no `return`."""
        return self._driver.execute_script(code if "return" in code else f"return {code}", *values)

    def open(self, index, *, case=None, without=""):
        """Open a report as a browser does that never saw it, or a case of it by its place; `without`: of `_LACKS`."""
        if self._driver.current_url.startswith("file:") and "without" not in self._driver.current_url:
            # All files share one storage; a report takes it up only when it is opened.
            self.js("localStorage.clear(); return 0")
        self._driver.get("about:blank")
        self._driver.get(index.as_uri() + (f"?without={without}" if without else ""))
        self.until("document.documentElement.dataset.ready")
        if case is not None:
            self.show(case)
        return self

    def reload(self):
        self._driver.refresh()
        self.until("document.documentElement.dataset.ready")

    def show(self, place):
        """Go to a case by its place, 0 the most suspicious, and wait for its images."""
        self.js("location.hash = auvseg.address(arguments[0]); return 0", place)
        self.until_images()

    def until_images(self):
        self.until("document.querySelector('#case .viewer')?.dataset.ready")

    def until(self, expression, timeout_s=300):
        """Wait until an expression holds."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self.js(f"return Boolean({expression})"):
                return
            time.sleep(0.02)
        raise AssertionError(f"never true: {expression}; {self.problems()}")

    def one(self, selector):
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector):
        element = self.one(selector)
        self.js("arguments[0].scrollIntoView({block: 'center'}); return 0", element)
        element.click()

    def see(self, selector):
        """Bring a plot into sight, and wait until it is drawn."""
        self.js("arguments[0].scrollIntoView({block: 'center'}); return 0", self.one(selector))
        self.until(f"echarts.getInstanceByDom(document.querySelector('{selector}'))")

    def text(self, selector):
        return self.one(selector).text

    def press(self, *keys):
        """Press keys one after the other, wherever the focus is."""
        ActionChains(self._driver, duration=0).send_keys(*keys).perform()

    def drag(self, selector, start, end):
        """Press the mouse at a share of an element's width, move to another, and let go."""
        element = self.one(selector)
        self.js("arguments[0].scrollIntoView({block: 'center'}); return 0", element)
        width = element.size["width"]
        moves = ActionChains(self._driver, duration=0).move_to_element_with_offset(element, (start - 0.5) * width, 0)
        moves.click_and_hold().move_by_offset((end - start) * width, 0).release().perform()

    def hover(self, selector):
        self.js("arguments[0].scrollIntoView({block: 'center'}); return 0", self.one(selector))
        ActionChains(self._driver, duration=0).move_to_element(self.one(selector)).perform()

    def choose(self, selector, value):
        """Give a control a value, as a person would: it says that it changed."""
        self.js(
            "arguments[0].value = arguments[1];"
            "for (const kind of ['input', 'change']) arguments[0].dispatchEvent(new Event(kind, {bubbles: true}));"
            "return 0",
            self.one(selector),
            value,
        )

    def pixels(self, plane="axial"):
        """What a plane shows, as text that differs where the picture does."""
        return self.js(f"""document.querySelector('canvas[data-plane="{plane}"]').toDataURL()""")

    def saved(self, name):
        """A file that the browser saves, once it is whole."""
        path = self.downloads / name
        end = time.monotonic() + 300
        while not path.is_file() and time.monotonic() < end:
            time.sleep(0.02)
        return path

    def problems(self):
        """What the console complained of since it was asked last."""
        return [
            entry["message"] for entry in self._driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
        ]

    def requests(self):
        """Every address that the page asked for since it was asked last, but those that its policy held back."""
        asked = {}
        for entry in self._driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            values = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                asked[values["requestId"]] = values["request"]["url"]
            elif message["method"] == "Network.loadingFailed" and values.get("blockedReason") == "csp":
                asked.pop(values["requestId"], None)
        return list(asked.values())

    @contextlib.contextmanager
    def seen_as(self, *, dark=False, width=1300, media=""):
        """With dark colours, in a window of a width, or on paper."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        try:
            yield self
        finally:
            self.command("Emulation.setEmulatedMedia", media="", features=[])
            self.command("Emulation.clearDeviceMetricsOverride")
