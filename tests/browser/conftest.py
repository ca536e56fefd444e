"""
A real Chromium, driven by Playwright, and the dashboard on a small server of its own.

Playwright's own browser builds are not used: Debian's Chromium is found on the
PATH or named by ``CHROMIUM``. Without one these tests are skipped and say so;
with ``REQUIRE_BROWSER=1`` they fail instead.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.dashboard_server import Platform, serving

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
WAIT_MS = 8_000


def _cannot(reason: str) -> None:
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(f"no browser test: {reason}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running Chromium for the whole session."""
    names = ["chromium", "chromium-browser", "google-chrome"]
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not path:
        _cannot(f"none of {', '.join(names)} is installed and CHROMIUM is not set")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _cannot("the Python package playwright is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def platform_state() -> Platform:
    """What the server answers from; a test fills it before opening a page."""
    return Platform()


@pytest.fixture
def address(platform_state: Platform) -> Iterator[str]:
    """The dashboard's address while it is being served."""
    with serving(platform_state) as url:
        yield url


@dataclass
class Opened:
    """Pages opened by one test, and what their consoles complained about."""

    contexts: list[Any] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """
    Return what opens the dashboard in a fresh browser profile.

    *before* is a script that runs before the page's own on every load.
    At the end no console may have shown an error: neither a script's nor one
    of the content security policy. A response of 4xx or 5xx, which Chromium
    reports too, is not a complaint about the page.
    """
    opened = Opened()

    def note(message: Any) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            opened.complaints.append(message.text)

    def open_one(
        route: str = "",
        *,
        width: int = 1280,
        height: int = 900,
        before: str = "",
        **options: Any,
    ) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(WAIT_MS)
        opened.contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        if before:
            page.add_init_script(before)
        # Time flows as ever, but a test may skip the waiting between two polls.
        page.clock.install()
        page.goto(address + route)
        return page

    yield open_one

    for context in opened.contexts:
        context.close()
    assert opened.complaints == []


@pytest.fixture
def signed_in(open_page: Callable[..., Any], platform_state: Platform) -> Callable[..., Any]:
    """Return what opens the dashboard at a route, as a reload within a session would."""

    def open_signed_in(
        route: str = "", *, email: str = "manager@example.org", **options: Any
    ) -> Any:
        tokens = platform_state.issue(email)["AuthenticationResult"]
        session = {
            "access": tokens["AccessToken"],
            "refresh": tokens["RefreshToken"],
            "expiresAt": (time.time() + tokens["ExpiresIn"]) * 1000,
            "email": email,
        }
        page = open_page(
            route, before=_KEEP_ONCE.replace("SESSION", json.dumps(session)), **options
        )
        page.get_by_role("button", name="Sign out").wait_for()
        return page

    return open_signed_in


# Only on a tab's first load: signing out and reloading must not find it again.
_KEEP_ONCE = """
if (!window.name) {
  window.name = "opened";
  sessionStorage.setItem("carillon.session", JSON.stringify(SESSION));
}
"""


def sign_in(page: Any, email: str, password: str = "correct horse") -> None:
    """Fill the form and send it."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
