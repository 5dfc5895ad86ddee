"""Every view, in both schemes and three widths: nothing for the accessibility checker to find, nothing to scroll to."""

import pytest
from playwright.sync_api import expect

from tests.page.browser import NewTab
from tests.page.conftest import Made

WIDTHS = (320, 390, 1280)
#: Where only the width is looked at: tables of a narrow window, and cards of a wide one.
BETWEEN = (905, 1024, 1100)
#: What is to be seen before a view is judged; ``{...}`` are ids of what was made.
VIEWS = {
    "": "Queues",
    "tasks": "matches|match",
    "tasks?status=failed": "no luck",
    "tasks/{failed}": "Why it failed",
    "tasks/{plugin}": "What it made",
    "failures": "causes?",
    "media": "clip.mp4",
    "media/video/{video}": "Renditions",
    "media?kind=image": "photo.png",
    "search?q=a%20dog&tag=holiday": "similarity",
    "workers": "busy",
    "usage": "Processor time a day",
    "usage?tenant=acme": "stored now",
    "keys": "Changes",
    "webhooks": "receiver",
    "webhooks/{webhook}": "Attempts",
    "plugins": "assembly_ai",
    "new?type=PluginExecution": "plugin_name",
    "nowhere": "no such page",
}


SCHEMES = ("light", "dark")
#: What depends on the scheme.
COLOURS = ("color-contrast",)
#: What may differ between windows that show the same cards.
LAYOUT = ("color-contrast", "scrollable-region-focusable")


def test_nobody_is_kept_out(new: NewTab, made: Made) -> None:
    tab = new(reduced_motion="reduce")
    found = {}
    for view, seen in VIEWS.items():
        tab.page.emulate_media(color_scheme="light")
        tab.open(view.format(**made.ids))
        for width in WIDTHS:
            tab.page.set_viewport_size({"width": width, "height": 800})
            for scheme in SCHEMES:
                tab.page.emulate_media(color_scheme=scheme)
                expect(tab.page.locator("main")).to_contain_text(made.pattern(seen))
                expect(tab.page.locator("[aria-busy]")).to_have_count(0)
                rules = COLOURS if scheme == "dark" else LAYOUT if width == 390 else ()
                found[view, width, scheme] = tab.axe(*rules) + tab.overflow()
        for width in BETWEEN:
            tab.page.set_viewport_size({"width": width, "height": 800})
            for scheme in SCHEMES:
                tab.page.emulate_media(color_scheme=scheme)
                found[view, width, scheme] = tab.overflow()
    assert {where: what for where, what in found.items() if what} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_dialog_keeps_anybody_out(new: NewTab, made: Made, scheme: str) -> None:
    tab = new(color_scheme=scheme, viewport={"width": 390, "height": 800})
    found = {}
    for view, button in (
        ("", "Limits of Act"),
        ("", "Pause Act as code"),
        ("", "Share of a tenant"),
        ("", "Account acme"),
        ("webhooks", "New webhook"),
        ("plugins", "Settings of"),
        ("tasks?status=failed", "Retry all"),
    ):
        tab.open(view)
        tab.page.get_by_role("button", name=button).first.click()
        expect(tab.page.get_by_role("dialog")).to_be_visible()
        if button == "Share of a tenant":
            tab.page.locator("[name=tenant]").fill("rival")
            tab.page.locator("[name=tenant]").blur()
            tab.page.get_by_text("Its limits of Limited").click()
        found[view, button] = tab.axe() + tab.overflow()
        tab.page.keyboard.press("Escape")
        expect(tab.page.get_by_role("dialog")).to_have_count(0)
    assert {where: what for where, what in found.items() if what} == {}


def test_the_form_for_the_key_and_the_reference(new: NewTab, made: Made) -> None:
    tab = new(key="")
    expect(tab.page.get_by_label("API key")).to_be_visible()
    assert tab.axe() == []
    signed_in = new()
    signed_in.page.goto(f"{signed_in.url}/api/docs")
    summary = signed_in.page.get_by_text("Submit a task", exact=True)
    summary.click()
    expect(signed_in.page.get_by_text("The type's default if left out.").first).to_be_visible()
    assert signed_in.axe() == []
