"""What comes late, or only at the second try: nothing is lost of it, and nothing that was done meanwhile is undone."""

import re
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Route, expect

from tests.page.browser import Held, NewTab, Tab
from tests.page.conftest import Made
from tests.page.system import TENANT_KEY, System

SPEC, ME = "**/api/openapi.json", "**/api/me"


def refuse(route: Route) -> None:
    route.fulfill(status=503, json={"status": 503, "code": "unavailable", "detail": "It is busy."})


def turn(tab: Tab) -> None:
    """Until the page has gone through whatever was ready to be done."""
    tab.page.evaluate("fetch('livez').then((answer) => answer.text())")


def test_a_key_is_asked_for_once_none_is_known_to_be_good(tab: Tab) -> None:
    asked = Held(tab, ME)
    tab.page.reload()
    expect(tab.page.locator("main[aria-busy]")).to_be_attached()
    expect(tab.page.get_by_label("API key")).to_have_count(0)
    asked.release()
    expect(tab.page.get_by_role("heading", name="Queues")).to_be_visible()


def test_a_view_that_was_opened_before_is_that_of_whose_key_it_is(tab: Tab) -> None:
    tab.expected.append("status of 503")
    tab.page.route(ME, refuse)
    tab.page.reload()
    expect(tab.page.get_by_role("alert")).to_contain_text("It is busy.")
    asked = Held(tab, ME)
    tab.page.get_by_role("button", name="Try again").click()
    for view in ("tasks", ""):
        tab.open(view)
    asked.release()
    expect(tab.page.get_by_role("button", name="Limits of Act")).to_be_visible()


def test_after_a_key_was_refused_what_happens_is_heard_with_the_next(new: NewTab) -> None:
    tab = new()
    tab.expect_connection("live")
    tab.expected.append("status of 401")
    tab.expect_request("/api/tasks", {"title": "Unauthorized", "detail": "No."}, 401)
    tab.open("tasks")
    tab.page.get_by_label("API key").fill(TENANT_KEY)
    tab.page.unroute_all()
    with tab.page.expect_request("**/api/events") as asked:
        tab.page.get_by_role("button", name="Open").click()
    assert asked.value.headers["authorization"] == f"Bearer {TENANT_KEY}"
    tab.expect_connection("live")


def test_what_the_api_can_is_asked_for_until_it_is_known(tab: Tab) -> None:
    tab.expected.append("status of 503")
    tab.open("webhooks")
    tab.page.route(SPEC, refuse)
    with tab.page.expect_response(SPEC):
        tab.page.reload()
    expect(tab.page.get_by_role("button", name="New webhook")).to_be_visible()
    tab.page.unroute_all()
    expect(tab.page.get_by_role("link", name="Plugins")).to_be_visible()


def test_a_form_that_could_not_be_made_says_so_and_is_made_later(tab: Tab) -> None:
    tab.expected.append("status of 503")
    tab.page.route(SPEC, refuse)
    tab.open("new?type=Act")
    tab.page.reload()
    expect(tab.page.get_by_role("alert")).to_contain_text("It is busy.")
    tab.page.unroute_all()
    expect(tab.page.get_by_role("group", name="Payload").get_by_label("act")).to_be_visible()


def test_a_dialog_that_cannot_be_made_says_so(tab: Tab) -> None:
    tab.expected.append("status of 503")
    tab.page.route(SPEC, refuse)
    tab.page.reload()
    tab.page.get_by_role("button", name="Limits of Act").click()
    expect(tab.page.locator(".announcement")).to_have_text("It is busy.")


def test_a_dialog_is_not_opened_over_what_was_gone_on_to(tab: Tab) -> None:
    named = Held(tab, SPEC)
    tab.page.reload()
    tab.page.get_by_role("button", name="Limits of Act").click()
    tab.open("tasks")
    expect(tab.page.get_by_role("heading", name="Tasks", exact=True)).to_be_attached()
    named.release()
    expect(tab.page.get_by_role("link", name="Plugins")).to_be_visible()
    expect(tab.page.get_by_role("dialog")).to_have_count(0)


def test_quotas_are_not_asked_for_before_they_are_known_and_could_be_sent(tab: Tab, system: System) -> None:
    named = Held(tab, SPEC)
    tab.open("usage?tenant=rival")
    tab.page.reload()
    tab.page.get_by_role("button", name="Quotas of rival").click()
    turn(tab)
    assert not [each for each in tab.requested if each.endswith("/api/tenants/rival")]
    named.release()
    expect(tab.page.get_by_role("dialog").get_by_text("Its quotas")).to_be_visible()


def test_an_answer_closes_the_dialog_that_asked_for_it_and_no_other(tab: Tab, system: System) -> None:
    tab.page.get_by_role("button", name="Limits of Act").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.locator("[name=rate]").fill("7.5")
    saved = Held(tab, "**/api/queues/Act", "PATCH")
    with tab.page.expect_request("**/api/queues/Act"):
        dialog.get_by_role("button", name="Save").click()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="Share of a tenant").click()
    expect(dialog).to_contain_text("Share of a tenant")
    saved.release()
    expect(tab.page.locator(".announcement")).to_contain_text("The limits of Act are changed")
    expect(dialog).to_contain_text("Share of a tenant")
    system.change("Act", rate=None)


def test_what_was_confirmed_is_not_confirmed_again_while_it_is_done(tab: Tab) -> None:
    tab.expected.append("status of 503")
    tried: list[Route] = []
    tab.page.route("**/api/queues/Act", lambda route: tried.append(route))
    tab.page.get_by_role("button", name="Pause Act", exact=True).click()
    dialog = tab.page.get_by_role("dialog")
    with tab.page.expect_request("**/api/queues/Act"):
        dialog.get_by_role("button", name="Pause", exact=True).click()
    expect(dialog.get_by_role("button", name="Pause", exact=True)).to_be_disabled()
    refuse(tried.pop())
    expect(dialog).to_contain_text("It is busy.")
    expect(dialog.get_by_role("button", name="Pause", exact=True)).to_be_enabled()


def test_what_a_view_had_begun_to_read_the_next_one_reads_again(tab: Tab) -> None:
    read = Held(tab, "**/api/profiles")
    with tab.page.expect_request("**/api/profiles"):
        tab.open("media")
    tab.open("tasks")
    expect(tab.page.get_by_role("heading", name="Tasks", exact=True)).to_be_attached()
    read.release()
    tab.open("media")
    expect(tab.page.get_by_label("Profile of videos").get_by_role("option", name="small")).to_be_attached()


def test_more_of_a_list_that_was_left_does_not_hold_up_the_next(tab: Tab, system: System) -> None:
    system.until(system.submit(), "completed")
    system.call("POST", "/api/tasks", json={"type": "Limited", "payload": {"act": "answer"}})

    def answer(route: Route) -> None:
        found = route.fetch()
        route.fulfill(response=found, json=found.json() | {"total": 99, "next_cursor": "more"})

    tab.page.route(re.compile(r"/api/tasks\?.*order="), answer)
    more = Held(tab, "**/api/tasks?*cursor=more*")
    tab.open("tasks?type=Act")
    with tab.page.expect_request("**/api/tasks?*cursor=more*"):
        tab.page.get_by_role("button", name=re.compile("^Load .* more")).click()
    tab.open("tasks?type=Limited")
    expect(tab.page.locator("tr[data-row]", has_text="Limited").first).to_be_visible()
    expect(tab.page.get_by_role("button", name=re.compile("^Load .* more"))).to_be_enabled()
    more.release()
    tab.expected.append("status of 4")  # there is no such page


def test_new_tasks_are_read_anew_and_the_list_is_not_called_empty_meanwhile(tab: Tab, system: System) -> None:
    system.until(system.submit(), "completed")
    tab.open("tasks?type=Act")
    tab.expect_connection("live")
    expect(tab.page.locator("tr[data-row]").first).to_be_visible()
    task = system.submit()
    button = tab.page.get_by_role("button", name=re.compile("new tasks?: show"))
    expect(button).to_be_visible()
    read = Held(tab, re.compile(r"/api/tasks\?.*order="))
    button.click()
    expect(tab.page.get_by_text("Loading tasks")).to_be_attached()
    expect(tab.page.get_by_text("No task")).to_have_count(0)
    read.release()
    expect(tab.page.locator(f'a[href="#/tasks/{task}"]')).to_be_visible()


def test_a_payload_that_was_begun_stays(tab: Tab, system: System) -> None:
    system.call("POST", "/api/tasks", json={"type": "Limited", "payload": {"act": "answer"}})
    tab.open("new?type=Act")
    payload = tab.page.get_by_role("group", name="Payload")
    expect(payload.get_by_label("act")).to_be_visible()
    last = Held(tab, "**/api/tasks?type=Limited*")
    with tab.page.expect_request("**/api/tasks?type=Limited*"):
        tab.page.locator("[name=type]").select_option("Limited")
    expect(payload.get_by_label("act")).to_have_value("")  # it is the form of that type by now
    payload.get_by_label("act").fill("mine")
    with tab.page.expect_response("**/api/tasks?type=Limited*"):
        last.release()
    turn(tab)
    payload.get_by_label("args").fill('{"value": "more"}')
    payload.get_by_label("args").blur()
    line = tab.page.get_by_label("curl line", exact=True)
    expect(line).to_contain_text('"value":"more"')
    expect(line).to_contain_text('"act":"mine"')


def test_a_payload_that_was_begun_outlives_a_connection(tab: Tab) -> None:
    tab.open("new?type=Act")
    tab.expect_connection("live")
    payload = tab.page.get_by_role("group", name="Payload")
    payload.get_by_label("act").fill("mine")
    tab.page.context.set_offline(True)
    expect(tab.page.get_by_role("button", name=re.compile("Connection: lost"))).to_be_visible()
    tab.page.context.set_offline(False)
    tab.expect_connection("live")
    payload.get_by_label("args").fill('{"value": "more"}')
    payload.get_by_label("args").blur()
    line = tab.page.get_by_label("curl line", exact=True)
    expect(line).to_contain_text('"value":"more"')
    expect(line).to_contain_text('"act":"mine"')
    tab.expected.append("ERR_INTERNET_DISCONNECTED|ERR_NETWORK")


def test_a_new_task_is_none_that_is_replayed(tab: Tab, system: System) -> None:
    task = system.submit(options={"priority": 7})
    tab.open(f"new?from={task}")
    line = tab.page.get_by_label("curl line", exact=True)
    expect(line).to_contain_text('"priority":7')
    tab.open("new?type=Act")
    expect(tab.page.get_by_role("heading", name="New task")).to_be_visible()
    expect(line).to_contain_text('"type":"Act"')
    expect(line).not_to_contain_text("priority")


def test_the_name_of_a_file_is_asked_for_again_when_it_was_not_to_be_had(tab: Tab, made: Made) -> None:
    tab.expected.append("status of 503")
    tab.page.route("**/api/videos?*", refuse, times=1)
    tab.open(f"tasks/{made.ids['plugin']}")
    tab.page.reload()
    expect(tab.page.locator(".title-file")).to_have_text("clip.mp4")


def test_what_became_of_an_upload_is_read_again_after_a_gap(tab: Tab, system: System) -> None:
    image = BytesIO()
    Image.linear_gradient("L").save(image, "PNG")

    def without_what_was_missed(route: Route) -> None:
        route.continue_(headers={name: text for name, text in route.request.headers.items() if name != "last-event-id"})

    tab.page.route("**/api/events", without_what_was_missed)
    tab.open("media")
    tab.expect_connection("live")
    with tab.page.expect_response("**/api/images") as sent:
        tab.page.get_by_label("Choose files").set_input_files(
            {"name": "missed.png", "mimeType": "image/png", "buffer": image.getvalue()}
        )
    upload = tab.page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(upload).to_contain_text("pending")
    tab.page.context.set_offline(True)
    expect(tab.page.get_by_role("button", name=re.compile("Connection: lost"))).to_be_visible()
    system.call("POST", f"/api/tasks/{sent.value.json()['task_id']}/cancel")
    tab.page.context.set_offline(False)
    expect(upload).to_contain_text("cancelled")
    tab.expected.append("ERR_INTERNET_DISCONNECTED|ERR_NETWORK|ERR_FAILED")
    system.call("DELETE", f"/api/images/{sent.value.json()['id']}")
    tab.expected.append("status of 404")  # it is shown meanwhile


def test_a_picture_that_was_not_to_be_had_is_looked_for_again_with_a_new_connection(tab: Tab, made: Made) -> None:
    tab.page.route(re.compile("/thumbnail/|/source/"), lambda route: route.abort())
    tab.open("media?kind=image")
    tab.expect_connection("live")
    mine = tab.page.get_by_role("listitem").filter(has_text="photo.png")
    expect(mine.locator(".picture.none")).to_be_visible()
    tab.page.unroute_all()
    tab.page.context.set_offline(True)
    expect(tab.page.get_by_role("button", name=re.compile("Connection: lost"))).to_be_visible()
    tab.page.context.set_offline(False)
    expect(mine.locator("img.picture")).to_be_visible()
    tab.expected.append("ERR_FAILED|ERR_INTERNET_DISCONNECTED|ERR_NETWORK")


def test_a_player_that_is_not_to_be_had_is_said_and_can_be_tried_again(tab: Tab, made: Made) -> None:
    tab.expected.append("ERR_FAILED")
    tab.page.route("**/hls.min.mjs", lambda route: route.abort())
    tab.open(f"media/video/{made.ids['video']}")
    expect(tab.page.get_by_role("alert")).to_contain_text("cannot be played")
    tab.page.unroute_all()
    tab.page.get_by_role("button", name="Try again").click()
    expect(tab.page.locator("main video[controls]")).to_be_visible()


def test_an_upload_that_is_paused_sends_nothing(tab: Tab, tmp_path: Path) -> None:
    """Not what was about to be sent either, of which a checksum is made first."""
    path = tmp_path / "paused.png"
    Image.new("L", (64, 64)).save(path)
    path.write_bytes(path.read_bytes().ljust(9 * 1024 * 1024, b"\0"))
    sent: list[str] = []
    tab.page.on("request", lambda request: sent.append(request.url) if request.method == "PATCH" else None)
    tab.open("media")
    tab.expect_connection("live")
    tab.page.evaluate("() => { crypto.subtle.digest = () => new Promise((done) => { window.computed = done; }); }")
    tab.page.get_by_label("Choose files").set_input_files(path)
    upload = tab.page.get_by_role("list", name="Uploads").get_by_role("listitem")
    tab.page.wait_for_function("() => window.computed")
    upload.get_by_role("button", name="Pause paused.png").click()
    tab.page.evaluate("window.computed(new ArrayBuffer(32))")
    turn(tab)
    assert sent == []
    expect(upload).to_contain_text("paused at")
    upload.get_by_role("button", name="Cancel paused.png").click()
    expect(upload).to_contain_text("nothing is stored")


def test_a_webhook_that_is_told_later_is_shown_where_its_task_is(tab: Tab, made: Made) -> None:
    told = False

    def answer(route: Route) -> None:
        if told:
            route.continue_()
        else:
            route.fulfill(json={"deliveries": [], "total": 0})

    tab.page.clock.install()
    tab.page.route(re.compile("/api/webhooks/[^/]+/deliveries"), answer)
    tab.open(f"tasks/{made.ids['failed']}")
    with tab.page.expect_response(re.compile("/api/webhooks/[^/]+/deliveries")):
        tab.page.reload()
    turn(tab)
    told = True
    tab.page.clock.fast_forward(10_000)
    expect(tab.page.get_by_role("region", name=re.compile("deliver"))).to_contain_text("http://127.0.0.1:9/receiver")


def test_what_was_known_of_a_task_has_no_age_before_it_was_read(tab: Tab, system: System) -> None:
    task = system.submit()
    system.until(task, "completed")
    tab.open("tasks")
    tab.expect_connection("live")
    link = tab.page.locator(f'a[href="#/tasks/{task}"]')
    expect(link).to_be_visible()
    tab.page.context.set_offline(True)
    expect(tab.page.get_by_role("button", name=re.compile("Connection: lost"))).to_be_visible()
    link.click()
    expect(tab.page.get_by_role("heading", name="Act", level=1)).to_be_visible()
    expect(tab.page.get_by_text("as of")).to_have_count(0)
    tab.expected.append("ERR_INTERNET_DISCONNECTED|ERR_NETWORK")
