"""A tab under test: it collects whatever a user would not see but a browser complains about."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Route, expect

CHROMIUM = Path("/usr/bin/chromium")
#: Debian's Chromium, without whatever calls home.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Tabs of one origin share a process, and what it has compiled.
    "--process-per-site",
]
AXE = (Path(__file__).parent / "axe-core-4.14.1" / "axe.min.js").read_text(encoding="utf-8")
#: For which a condition is waited, on a machine that is busy with other things.
PATIENCE_MS = 20_000
_COLLECT = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(
  `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
_VIOLATIONS = """
(rules) => axe.run(document, {resultTypes: ["violations"], ...(rules.length && {runOnly: rules})}).then((found) =>
  found.violations.map(({id, nodes}) =>
  `${id}: ${nodes.map((each) => `${each.target.join(" ")} (${each.failureSummary})`).slice(0, 3).join(" | ")}`))
"""


@dataclass
class Tab:
    """A page in a context of its own, signed in with ``key`` unless that is empty."""

    page: Page
    url: str
    #: What the console said, errors of scripts, and requests to other origins.
    complaints: list[str] = field(default_factory=list)
    #: What the browser is to complain of, as regular expressions.
    expected: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> None:
        """Follows an address of the page: ``tasks?status=failed``."""
        self.page.goto(f"{self.url}/#/{address}")

    def expect_connection(self, state: str) -> None:
        """Waits for the word beside the connection's light."""
        expect(self.page.get_by_role("button", name=f"Connection: {state}")).to_be_visible()

    def axe(self, *rules: str) -> list[str]:
        """What the accessibility checker finds, by all of its rules or by these."""
        if not self.page.evaluate("typeof axe !== 'undefined'"):
            self.page.evaluate(AXE)
        found: list[str] = self.page.evaluate(_VIOLATIONS, rules)
        return found

    def policy_violations(self) -> list[str]:
        found: list[str] = self.page.evaluate("window.violations")
        return found

    def overflow(self) -> list[str]:
        """Whether the page is wider than the window."""
        excess = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return [f"{excess} px too wide"] if excess > 0 else []

    def surprises(self) -> list[str]:
        """Complaints that the test did not expect."""
        return [each for each in self.complaints if not any(re.search(known, each) for known in self.expected)]

    def expect_request(self, path: str, answer: Any, status: int = 200) -> None:
        """From now on the API answers this to requests whose path matches."""
        body = json.dumps(answer)
        self.page.route(re.compile(path), lambda route: route.fulfill(status=status, body=body))


class Held:
    """Requests of a tab whose URLs match, of one method or of any: they wait until they are let go."""

    def __init__(self, tab: Tab, pattern: str | re.Pattern[str], method: str = "") -> None:
        self._routes: list[Route] = []
        self._method = method
        self._holds = True
        tab.page.route(pattern, self._take)

    def _take(self, route: Route) -> None:
        if self._holds and self._method in ("", route.request.method):
            self._routes.append(route)
        else:
            route.continue_()

    def release(self) -> None:
        """Also those that were asked for and have not come to be held yet."""
        self._holds = False
        for route in self._routes:
            route.continue_()


NewTab = Callable[..., Tab]


def new_tab(context: BrowserContext, url: str, key: str) -> Tab:
    page = context.new_page()
    page.add_init_script(_COLLECT)
    page.set_default_timeout(PATIENCE_MS)
    tab = Tab(page, url)

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            tab.complaints.append(f"{message.type}: {message.text}")

    def note(request: Request) -> None:
        tab.requested.append(request.url)
        if not request.url.startswith((url, "blob:", "data:")):
            tab.complaints.append(f"a request to {request.url}")

    page.on("console", listen)
    page.on("pageerror", lambda error: tab.complaints.append(f"script: {error}"))
    page.on("request", note)
    page.goto(f"{url}/#key={key}" if key else f"{url}/")
    return tab
