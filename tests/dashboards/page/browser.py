"""A real browser on the page: found on this machine, driven headless, its complaints kept."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def executable(environ: dict[str, str] | None = None) -> str | None:
    """Return the browser that GIGAWATT_BROWSER names, or one that is on the path."""
    named = (os.environ if environ is None else environ).get("GIGAWATT_BROWSER")
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


def launched(playwright: Playwright, path: str, *flags: str) -> Browser:
    """Start it headless, with a profile of its own that is new and empty."""
    return playwright.chromium.launch(executable_path=path, headless=True, args=[*_FLAGS, *flags])


@dataclass
class Tab:
    """One tab on one dashboard. `complaints` are errors of the console and of the scripts."""

    page: Page
    address: str
    shots: Path
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Open an address of the page, and wait until what is in view is drawn."""
        self.page.goto(self.address + path)
        self.until_drawn()

    def until_drawn(self) -> None:
        """Wait until each panel in view has drawn something, or says why not."""
        self.page.wait_for_function(
            """() => {
                const seen = [...document.querySelectorAll(".panel")].filter(panel =>
                    panel.offsetParent && panel.getBoundingClientRect().top < innerHeight);
                return seen.length && seen.every(panel =>
                    panel.dataset.drawn || !panel.querySelector(".notice").hidden);
            }""",
            timeout=30_000,
        )

    def whole(self) -> None:
        """Make the window as high as the dashboard, so that all of it is in view."""
        for fold in self.page.locator(".fold[aria-expanded=false]").all():
            fold.click()
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": self.page.viewport_size["width"], "height": max(height, 600)})
        self.until_drawn()

    def panels(self) -> dict[str, dict[str, Any]]:
        """Return what each panel shows, by title: `drawn` (yes or empty), `notice`, `text`."""
        return self.page.evaluate(
            """() => Object.fromEntries([...document.querySelectorAll(".panel")].map(panel => [
                panel.querySelector("h3").textContent, {
                    drawn: panel.dataset.drawn ?? "no",
                    notice: panel.querySelector(".notice").hidden ? "" : panel.querySelector(".notice").textContent,
                    text: panel.querySelector(".body").innerText,
                },
            ]))"""
        )

    def shot(self, name: str) -> None:
        """Keep a picture of the window."""
        self.page.screenshot(path=self.shots / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png")


@contextmanager
def tab(browser: Browser, address: str, shots: Path, **context: Any) -> Iterator[Tab]:
    """Give a tab of its own, with nothing kept from others."""
    opened = browser.new_context(**{"viewport": WIDE, "color_scheme": "light", **context})
    one = Tab(opened.new_page(), address, shots)
    one.page.on("console", lambda said: said.type == "error" and one.complaints.append(said.text))
    one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
    try:
        yield one
    finally:
        opened.close()
