"""Files: dropped, watched until they play, found, and worked on."""

import re
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pillow_heif import register_heif_opener
from playwright.sync_api import Route, expect

from tests.handlers.embedding.reading.scans import Page, pdf
from tests.page.browser import Held, NewTab, Tab
from tests.page.conftest import Made
from tests.page.system import GALLERY_KEY, System

register_heif_opener()


def test_a_video_that_is_dropped_becomes_one_that_plays(tab: Tab, clip: Path) -> None:
    tab.open("media")
    tab.page.get_by_label("Choose files").set_input_files(clip)
    upload = tab.page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(upload).to_contain_text("clip.mp4")
    expect(upload).to_contain_text("completed", timeout=60_000)
    player = upload.locator("video[controls]")
    expect(player).to_be_visible()
    player.evaluate("(video) => { video.muted = true; return video.play(); }")
    tab.page.wait_for_function("() => document.querySelector('.uploads video')?.currentTime > 0.3")
    assert player.evaluate("(video) => video.videoWidth") == 320


def test_a_video_that_is_made_plays_from_when_it_can(tab: Tab, made: Made, running: System) -> None:
    path, playable = f"/api/videos/{made.ids['video']}", False

    def answer(route: Route) -> None:
        found = route.fetch()
        route.fulfill(response=found, json=found.json() | {"playable": playable, "playable_seconds": 1.0})

    tab.page.route(f"**{path}", answer)
    tab.open(f"media/video/{made.ids['video']}")
    expect(tab.page.get_by_role("heading", name="clip.mp4")).to_be_visible()
    tab.expect_connection("live")
    expect(tab.page.locator("main video")).to_have_count(0)
    playable = True
    broker = running.formation.broker
    event = {"kind": "playable", "task": running.call("GET", path)["task_id"], "media_id": made.ids["video"]}
    broker.redis.xadd(broker.keys.events("acme"), event)
    expect(tab.page.locator("main video[controls]")).to_be_visible()


def test_a_video_that_another_task_has_made_is_completed(tab: Tab, made: Made, running: System) -> None:
    """Whatever is known of the task of its upload."""
    task = running.call("GET", f"/api/videos/{made.ids['video']}")["task_id"]
    known = running.call("GET", f"/api/tasks/{task}")
    tab.expect_request(f"/api/tasks/{task}$", known | {"status": "cancelled"})
    tab.open(f"tasks/{task}")
    status = tab.page.locator("main .status").first
    expect(status).to_have_text("cancelled")
    tab.open(f"media/video/{made.ids['video']}")
    expect(tab.page.get_by_role("heading", name="clip.mp4")).to_be_visible()
    expect(status).to_have_text("completed")


def beep() -> bytes:
    sound = BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    return sound.getvalue()


def test_a_name_tells_what_a_browser_does_not_know(tab: Tab) -> None:
    tab.open("media")
    tab.page.get_by_label("Choose files").set_input_files(
        [{"name": "beep.CAF", "mimeType": "application/octet-stream", "buffer": beep()}]
    )
    uploads = tab.page.get_by_role("list", name="Uploads")
    expect(uploads.get_by_role("link", name="audio", exact=True)).to_be_visible()


def test_sounds_and_documents_are_taken_too(tab: Tab) -> None:
    tab.open("media")
    tab.page.get_by_label("Choose files").set_input_files(
        [
            {"name": "beep.wav", "mimeType": "audio/wav", "buffer": beep()},
            {"name": "notes.md", "mimeType": "", "buffer": b"# Notes\n\nOf the harvest.\n"},
        ]
    )
    uploads = tab.page.get_by_role("list", name="Uploads")
    expect(uploads.get_by_role("link", name="document", exact=True)).to_be_visible()
    uploads.get_by_role("link", name="audio", exact=True).click()
    tab.page.wait_for_function("() => document.querySelector('main audio')?.src")
    tab.open("media?kind=document")
    expect(tab.page.locator("ul.gallery")).to_contain_text("notes.md")


def test_nothing_can_be_started_before_the_player_is_there(tab: Tab, made: Made) -> None:
    """What was started before would be stopped by the source that comes."""
    player = Held(tab, "**/hls.min.mjs")
    with tab.page.expect_request("**/hls.min.mjs"):
        tab.open(f"media/video/{made.ids['video']}")
    expect(tab.page.locator("main video")).to_be_visible()
    expect(tab.page.locator("main video[controls]")).to_have_count(0)
    player.release()
    expect(tab.page.locator("main video[controls]")).to_be_visible()


def test_who_watches_is_not_disturbed_by_what_is_read_again(tab: Tab, made: Made, running: System) -> None:
    """Every answer signs its links anew."""
    tab.open(f"media/video/{made.ids['video']}")
    player = tab.page.locator("main video[controls]")
    player.evaluate("(video) => { Object.assign(video, {muted: true, loop: true}); return video.play(); }")
    first = running.call("GET", f"/api/videos/{made.ids['video']}")["hls_url"]
    running.formation.until(
        lambda: running.call("GET", f"/api/videos/{made.ids['video']}")["hls_url"] != first, "another link is made"
    )
    tab.expect_connection("live")
    with tab.page.expect_response(re.compile(f"/api/videos/{made.ids['video']}$")):
        running.submit()
    then = player.evaluate("(video) => video.currentTime")
    tab.page.wait_for_function("(then) => document.querySelector('main video').currentTime !== then", arg=then)
    assert not player.evaluate("(video) => video.paused")
    fetched = [re.sub(r"[0-9a-f]{32}\.[^/]+", "", each) for each in tab.requested if re.search("master|poster", each)]
    assert len(fetched) == 2 == len(set(fetched))


def test_what_cannot_be_played_is_said_and_can_be_tried_again(tab: Tab, made: Made) -> None:
    tab.page.route("**/*.m3u8", lambda route: route.fulfill(status=403, body="{}"))
    tab.open(f"media/video/{made.ids['video']}")
    expect(tab.page.get_by_role("alert")).to_contain_text("cannot be played")
    expect(tab.page.locator("main video[controls]")).to_have_count(0)
    tab.page.unroute_all()
    tab.page.get_by_role("button", name="Try again").click()
    expect(tab.page.locator("main video[controls]")).to_be_visible()
    tab.page.wait_for_function("() => document.querySelector('main video')?.readyState > 0")
    tab.expected.append("status of 403")


def test_captions_are_shown_when_they_are_said(tab: Tab, made: Made, running: System) -> None:
    """By the player itself: hls.js finds them in the master playlist and puts them on the video's own clock."""
    text = "WEBVTT\n\n00:00.200 --> 00:00.900\nEarly <i>words</i>\n\n00:01.200 --> 00:01.800\nLate words\n"
    form = {"language": "en", "label": "English"}
    path = f"/api/videos/{made.ids['video']}/captions"
    caption = running.call("POST", path, files={"file": ("en.vtt", text.encode())}, data=form)
    tab.open(f"media/video/{made.ids['video']}")
    expect(tab.page.get_by_role("region", name="Details")).to_contain_text("English")
    player = tab.page.locator("main video[controls]")
    tab.page.wait_for_function("() => document.querySelector('main video')?.textTracks.length")
    assert player.evaluate("(video) => [video.textTracks[0].label, video.textTracks[0].language]") == ["English", "en"]
    player.evaluate("(video) => { video.muted = true; video.textTracks[0].mode = 'showing'; }")
    tab.page.wait_for_function("() => document.querySelector('main video')?.textTracks[0].cues?.length === 2")
    for second, shown in ((0.5, ["Early words"]), (1.0, []), (1.5, ["Late words"])):
        player.evaluate("(video, second) => { video.currentTime = second; }", second)
        tab.page.wait_for_function(
            """([second, shown]) => {
              const video = document.querySelector("main video");
              const texts = [...video.textTracks[0].activeCues].map((cue) => cue.getCueAsHTML().textContent);
              return !video.seeking && video.currentTime === second && String(texts) === String(shown);
            }""",
            arg=[second, shown],
        )
    running.call("DELETE", f"{path}/{caption['id']}")


def test_a_file_that_is_none_is_refused_in_words(tab: Tab) -> None:
    tab.open("media")
    tab.page.get_by_label("Choose files").set_input_files(
        {"name": "notes.mp4", "mimeType": "video/mp4", "buffer": b"just text"}
    )
    expect(tab.page.get_by_role("alert")).to_contain_text("Not supported")
    tab.expected.append("status of 415")


def test_the_task_of_a_video_plays_it_and_that_of_a_plugin_shows_its_pictures(tab: Tab, made: Made) -> None:
    tab.open(f"tasks/{made.ids['plugin']}")
    picture = tab.page.get_by_role("region", name="What it made").locator("img").first
    expect(picture).to_be_visible()
    tab.page.wait_for_function("() => document.querySelector('.files img')?.naturalWidth > 0")
    tab.open(f"media/video/{made.ids['video']}")
    expect(tab.page.get_by_role("region", name="Details")).to_contain_text("320 \N{MULTIPLICATION SIGN} 240")
    tab.page.wait_for_function("() => document.querySelector('main video')?.readyState > 0")


def test_a_plugin_is_run_on_a_file(tab: Tab, made: Made) -> None:
    tab.open(f"media/video/{made.ids['video']}")
    tab.page.get_by_role("button", name="checksum", exact=True).click()
    expect(tab.page.get_by_label("Result", exact=True)).to_contain_text("sha256")


def test_a_press_on_a_small_picture_plays_from_there(tab: Tab, made: Made) -> None:
    """Of a minute, which this video is not: there are so many of it."""

    def answer(route: Route) -> None:
        (cue,) = re.findall(r"^\S+#xywh=\S+", route.fetch().text(), re.M)
        cues = [f"00:{second:02}.000 --> 00:{second + 5:02}.000\n{cue}\n" for second in range(0, 55, 5)]
        route.fulfill(content_type="text/vtt", body="\n".join(["WEBVTT\n", *cues]))

    tab.page.route("**/storyboard*.vtt", answer)
    tab.open(f"media/video/{made.ids['video']}")
    pictures = tab.page.get_by_role("list", name="Pictures by time").get_by_role("button")
    expect(pictures).to_have_count(8)
    expect(pictures.last).to_have_accessible_name("Play from 0:45")
    assert tab.axe() == []
    sheet = tab.page.locator("story-board image").first
    expect(sheet).to_have_attribute("href", re.compile(r"/stream/.*\.jpg$"))
    tab.page.wait_for_function("() => document.querySelector('story-board image').getBBox().width > 0")
    tab.page.wait_for_function("() => document.querySelector('main video')?.readyState > 0")
    tab.page.locator("main video").evaluate("(video) => { Object.assign(video, {muted: true, currentTime: 1.5}); }")
    pictures.first.click()
    tab.page.wait_for_function("() => !document.querySelector('main video').paused")


def test_what_is_known_of_its_sound(tab: Tab, made: Made, running: System) -> None:
    tab.open(f"media/video/{made.ids['video']}")
    details = tab.page.get_by_role("region", name="Details")
    expect(details).to_contain_text(re.compile("Loudness.*\N{MINUS SIGN}[0-9.]+ LUFS, range [0-9]"))
    (sound,) = running.call("GET", f"/api/videos/{made.ids['video']}")["audio_tracks"]
    expect(details).to_contain_text(sound["name"])


def test_how_its_pictures_were_encoded(tab: Tab, made: Made, running: System) -> None:
    video = running.call("GET", f"/api/videos/{made.ids['video']}")
    tab.open(f"media/video/{made.ids['video']}")
    details = tab.page.get_by_role("region", name="Details")
    for name, value in (("Profile", video["profile"]), ("Encoder", video["encoder"])):
        expect(details.locator("div", has=tab.page.get_by_text(name, exact=True))).to_contain_text(value)


def test_it_is_transcoded_again(tab: Tab, made: Made) -> None:
    tab.open(f"media/video/{made.ids['video']}")
    tab.page.get_by_role("button", name="Transcode again", exact=True).click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Transcode again").click()
    expect(tab.page.get_by_role("heading", name="VideoTranscoding")).to_be_visible()


def test_search_shows_what_it_finds(tab: Tab, made: Made) -> None:
    tab.page.get_by_label("Search media").fill("a ramp of grey")
    tab.page.keyboard.press("Enter")
    found = tab.page.locator("ol.gallery").get_by_role("listitem")
    expect(found.filter(has_text="photo.png")).to_contain_text("similarity 0.500")
    expect(found.filter(has_text="clip.mp4").first).to_contain_text("0:01, is said: a 🙂 ramp of grey")
    expect(found.locator("mark").first).to_have_text("ramp")
    tab.page.wait_for_function(
        "() => [...document.querySelectorAll('ol.gallery img')].length > 1"
        " && [...document.querySelectorAll('ol.gallery img')].every((each) => each.naturalWidth > 0)"
    )
    found.filter(has_text="photo.png").get_by_role("link").click()
    expect(tab.page.get_by_role("heading", name="photo.png")).to_be_visible()


def test_search_is_narrowed_down_and_goes_on(tab: Tab, made: Made) -> None:
    tab.open("search?q=grey")
    tab.page.get_by_text("More filters").click()
    tab.page.get_by_label("Minutes from").fill("1.5")
    tab.page.get_by_label("Tag").fill("holiday")
    tab.page.get_by_label("Kind of media").select_option("video")
    hit = {"entity_type": "video", "filename": "clip.mp4", "similarity": 0.5, "relevance": None, "picture_url": None}
    hit |= {"matched": None, "places": [], "duplicates": [{"entity_id": made.ids["video"], "filename": "copy.mp4"}]}

    def answer(route: Route) -> None:
        first = "cursor" not in route.request.url
        results = [
            hit | {"entity_id": f"00000000-0000-4000-8000-{number:012}"}
            for number in range(0 if first else 24, 24 if first else 30)
        ]
        total = {"total": 30, "total_exact": "q=many" not in route.request.url}
        route.fulfill(json={"results": results, "count": len(results), **total, "next_cursor": "on" if first else None})

    tab.page.route("**/api/search?**", answer)
    with tab.page.expect_request(re.compile("min_duration=90&limit=24|tag=holiday.*min_duration=90")) as asked:
        tab.page.get_by_role("button", name="Search", exact=True).click()
    assert "type=video" in asked.value.url
    found = tab.page.locator("ol.gallery").get_by_role("listitem")
    expect(found).to_have_count(24)
    expect(found.first).to_contain_text("and 1 copy")
    tab.page.get_by_role("button", name="Load more of 6").click()
    expect(found).to_have_count(30)
    assert tab.axe() == []
    tab.page.reload()
    expect(tab.page.get_by_label("Minutes from")).to_have_value("1.5")
    tab.open("search?q=many")
    expect(tab.page.get_by_text("at least 30 results")).to_be_visible()
    tab.page.get_by_role("button", name="Load more", exact=True).click()
    expect(found).to_have_count(30)


def test_how_far_a_new_model_is(tab: Tab) -> None:
    tab.expect_request("/api/search/status$", {"done": 288, "missing": 12, "total": 300, "estimate": 95.0})
    tab.expect_connection("live")  # it knows by then what there is to ask
    tab.open("search")
    expect(tab.page.locator("main")).to_contain_text("288 of 300 are done, 12 are to come, about 1 m 35 s left.")


def test_videos_are_encoded_by_a_profile(tab: Tab, clip: Path, system: System) -> None:
    system.change("VideoTranscoding", paused=True)
    tab.open("media")
    profile = tab.page.get_by_label("Profile of videos")
    expect(profile.get_by_role("option")).to_have_text(["as usual", "default", "av1", "hevc", "high", "small"])
    expect(tab.page.locator(".profile")).to_contain_text("h264 · 360, 480, 720, 1080 · standard quality")
    profile.select_option("small")
    expect(tab.page.locator(".profile")).to_contain_text("h264 · 240, 360, 480 · low quality")
    with tab.page.expect_response("**/api/videos") as asked:
        tab.page.get_by_label("Choose files").set_input_files(clip)
    video = asked.value.json()
    assert system.call("GET", f"/api/tasks/{video['task_id']}")["payload"]["profile"] == "small"
    expect(tab.page.get_by_role("list", name="Uploads").get_by_role("link", name="video", exact=True)).to_be_visible()
    system.call("DELETE", f"/api/videos/{video['id']}")


def test_search_by_likeness(tab: Tab, made: Made, running: System) -> None:
    tab.open(f"search?like={made.ids['image']}")
    expect(tab.page.locator("main")).to_contain_text("results like photo.png, best first")
    image = BytesIO()
    Image.linear_gradient("L").save(image, "PNG")
    tab.page.get_by_label("By a picture").set_input_files(
        {"name": "grey.png", "mimeType": "image/png", "buffer": image.getvalue()}
    )
    expect(tab.page.locator("main")).to_contain_text("results like grey.png, best first")
    expect(tab.page.locator("ol.gallery").get_by_role("listitem").first).to_be_visible()
    assert tab.axe() == []


def test_a_narrow_window_has_search_too(new: NewTab, made: Made) -> None:
    tab = new(viewport={"width": 390, "height": 800})
    for view, heading in (("", "Overview"), ("media", "Media")):
        tab.open(view)
        # An address that is followed by another at once is never shown.
        expect(tab.page.get_by_role("heading", name=heading, level=1)).to_be_attached()
        tab.page.get_by_role("banner").get_by_role("link", name="Search", exact=True).click()
        expect(tab.page.get_by_label("What to look for")).to_be_focused()
        tab.page.keyboard.type("a ramp of grey")
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator("ol.gallery").get_by_role("listitem").first).to_be_visible()
    tab.open("media")
    expect(tab.page.get_by_role("heading", name="Media")).to_be_attached()
    tab.page.keyboard.press("/")
    expect(tab.page.get_by_label("What to look for")).to_be_visible()


def test_a_place_in_a_video_is_played_from(tab: Tab, made: Made) -> None:
    tab.open("search?q=a%20ramp%20of%20grey")
    found = tab.page.locator("ol.gallery").get_by_role("listitem")
    found.get_by_role("link", name="clip.mp4 at 0:01").first.click()
    expect(tab.page).to_have_url(re.compile(r"t=1\b"))
    at = "(second) => Math.abs((document.querySelector('main video')?.currentTime ?? 0) - second) < 0.1"
    tab.page.wait_for_function(at, arg=1)
    assert tab.page.locator("main video").evaluate("(video) => video.paused")
    heard = tab.page.get_by_role("region", name="Found by")
    expect(heard).to_contain_text("0:01, is said: a 🙂 ramp of grey")
    assert tab.axe() == []
    tab.page.locator("main video").evaluate("(video) => { video.currentTime = 0; }")
    tab.page.wait_for_function(at, arg=0)
    tab.page.evaluate("location.hash = location.hash.replace('t=1', 't=1.5')")
    tab.page.wait_for_function("() => document.querySelector('main video').currentTime >= 1.5")
    tab.page.go_back()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_label("What to look for")).to_have_value("a ramp of grey")


def test_a_page_of_a_pdf_is_opened(tab: Tab, made: Made, system: System) -> None:
    file = system.call("POST", "/api/documents", files={"file": ("ferry.pdf", pdf(Page(), Page()))})
    view = file["view_url"]
    place = {"matched": "passage", "text": "The ferry to Crete", "marks": [[4, 9]], "start": None, "page": 2}
    hit = {"entity_type": "document", "entity_id": file["id"], "filename": "ferry.pdf", "relevance": 0.9}
    hit |= {"similarity": 0.9, "picture_url": None, "matched": "passage", "duplicates": []}
    hit |= {"places": [place | {"page_url": f"{view}#page=2", "picture_url": None}]}
    tab.expect_request("/api/search[?]", {"results": [hit], "total": 1, "total_exact": True, "next_cursor": None})
    tab.open("search?q=ferry")
    with tab.page.expect_popup() as opened:
        tab.page.get_by_role("link", name="ferry.pdf, page 2").click()
    opened.value.wait_for_url(f"**{view}#page=2")
    assert opened.value.evaluate("document.contentType") == "application/pdf"
    assert opened.value.evaluate("window.opener") is None
    opened.value.close()
    tab.page.get_by_role("link", name="ferry.pdf", exact=True).click()
    found = tab.page.get_by_role("region", name="Found by")
    expect(found.get_by_role("link", name="page 2")).to_have_attribute("target", "_blank")
    expect(found.locator("mark")).to_have_text("ferry")
    expect(tab.page.get_by_role("link", name="Open", exact=True)).to_have_attribute("href", re.compile(r"/ferry\.pdf$"))
    assert tab.axe() == []
    tab.open("tasks")
    expect(tab.page.get_by_role("heading", name="Tasks")).to_be_visible()
    system.call("DELETE", f"/api/documents/{file['id']}")


def test_a_file_tells_whether_it_can_be_found(tab: Tab, made: Made, running: System) -> None:
    path = f"/api/images/{made.ids['image']}"
    file = running.call("GET", path)
    answered = file
    tab.page.route(f"**{path}", lambda route: route.fulfill(json=answered))
    details = tab.page.get_by_role("region", name="Details")
    read = {"vectors": 12, "ocr_pages": 3, "ocr_pages_left_out": 1, "passages_left_out": 2, "cut_off": True}
    for index, told in (
        ({"status": "waiting", "task_id": file["task_id"]}, "Searchable not yet: its task has not ended"),
        ({"status": "failed", "error": "It is broken."}, "Searchable no: It is broken."),
        ({"status": "left_out"}, "Searchable no: it was left out"),
        ({"status": "indexed", **read}, "Searchable yes, in 12 parts 3 scanned pages read 1 page not read"),
    ):
        answered = file | {"index": file["index"] | index}
        tab.open("media")
        expect(details).to_have_count(0)  # an address that is followed by another at once is never shown
        tab.open(f"media/image/{made.ids['image']}")
        words = details.locator(".facts > div", has_text="Searchable")
        expect(words).to_have_text(re.compile(r"\s*".join(map(re.escape, told.split()))))


def test_hits_tell_what_they_are_sorted_by(tab: Tab, made: Made) -> None:
    hit = {"entity_type": "image", "filename": "photo.png", "similarity": 0.9, "picture_url": None, "matched": None}
    hit |= {"entity_id": made.ids["image"], "places": [], "duplicates": [], "relevance": 0.147}
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        results = [hit] if "min_relevance=0" in asked[-1] else []
        total = {"total": len(results), "total_exact": True, "next_cursor": None}
        route.fulfill(json={"results": results, "count": len(results), **total})

    tab.page.route("**/api/search?**", answer)
    tab.open("search?q=nonsense&type=image")
    expect(tab.page.locator("main")).to_contain_text("Nothing that fits was found for “nonsense”.")
    assert tab.axe() == []
    tab.page.get_by_role("link", name="Show what comes nearest").click()
    found = tab.page.locator("ol.gallery").get_by_role("listitem")
    expect(found).to_contain_text("relevance 0.15")
    expect(found).not_to_contain_text("similarity")
    expect(tab.page.locator("main")).to_contain_text("1 result, fitting or not, nearest first")
    assert "type=image" in asked[-1]
    tab.open(f"search?like={made.ids['image']}")
    expect(tab.page.locator("main")).to_contain_text("Nothing is like it.")
    assert "min_similarity=0" in asked[-1]


#: Tells in ``seenAtOnce`` whether the first element that matches is seen as soon as it is there.
WHEN_DRAWN = """(selector) => new MutationObserver((_, observer) => {
  const found = document.querySelector(selector);
  if (!found) return;
  window.seenAtOnce = found.checkVisibility({ visibilityProperty: true });
  observer.disconnect();
}).observe(document.body, { childList: true, subtree: true })"""


def test_a_search_that_takes_long_says_why(tab: Tab, made: Made) -> None:
    tab.page.evaluate(WHEN_DRAWN, ".slow")
    asked = Held(tab, "**/api/search?**")
    tab.open("search?q=grey")
    told = tab.page.get_by_text("loads a model")
    expect(told).to_be_visible()
    assert not tab.page.evaluate("window.seenAtOnce"), "most searches take no longer than it takes to read it"
    asked.release()
    expect(tab.page.locator("ol.gallery").get_by_role("listitem").first).to_be_visible()
    expect(told).to_have_count(0)


PHOTOGRAPHS = {"harbour.jpg": "JPEG", "telephone.heic": "HEIF"}
#: Where each picture comes from, and how wide it is.
SHOWN = """() => [...document.querySelectorAll("main img.picture")]
  .map((each) => [new URL(each.currentSrc).pathname, each.naturalWidth])"""
ALL_SHOWN = """(many) => {
  const all = [...document.querySelectorAll("main img.picture")];
  return all.length === many && all.every((each) => each.complete && each.naturalWidth > 0);
}"""


@pytest.fixture
def photographs(running: System) -> Iterator[dict[str, str]]:
    """The ids of all images of a tenant by their names; browsers show the first."""
    ids = {}
    for name, form in PHOTOGRAPHS.items():
        out = BytesIO()
        Image.linear_gradient("L").resize((1600, 1200)).convert("RGB").save(out, form)
        ids[name] = running.call("POST", "/api/images", GALLERY_KEY, files={"file": (name, out.getvalue())})["id"]
    yield ids
    for each in ids.values():
        running.call("DELETE", f"/api/images/{each}", GALLERY_KEY)


def test_many_images_are_shown_small_and_one_as_large_as_there_is(photographs: dict[str, str], new: NewTab) -> None:
    tab = new(GALLERY_KEY)
    tab.open("media?kind=image")
    tab.page.wait_for_function(ALL_SHOWN, arg=2)
    for path, width in tab.page.evaluate(SHOWN):
        assert "/thumbnail/" in path
        assert width == 320
    assert not [each for each in tab.requested if "/source/" in each]
    tab.open(f"media/image/{photographs['telephone.heic']}")
    expect(tab.page.get_by_role("heading", name="telephone.heic")).to_be_visible()
    tab.page.wait_for_function(ALL_SHOWN, arg=1)
    ((path, width),) = tab.page.evaluate(SHOWN)
    assert ("/thumbnail/" in path, width) == (True, 1280)
    tab.open(f"media/image/{photographs['harbour.jpg']}")
    expect(tab.page.get_by_role("heading", name="harbour.jpg")).to_be_visible()
    tab.page.wait_for_function(ALL_SHOWN, arg=1)
    ((path, width),) = tab.page.evaluate(SHOWN)
    assert ("/source/" in path, width) == (True, 1600)


def test_a_screen_of_twice_the_pixels_gets_them(photographs: dict[str, str], new: NewTab) -> None:
    tab = new(GALLERY_KEY, device_scale_factor=2)
    tab.open("media?kind=image")
    tab.page.wait_for_function(ALL_SHOWN, arg=2)
    asked = [each for each in tab.requested if "/thumbnail/" in each]
    assert len(asked) == 2
    assert all(each.endswith("?width=640") for each in asked)


def test_where_none_can_be_drawn_the_image_itself_is_shown(photographs: dict[str, str], new: NewTab) -> None:
    tab = new(GALLERY_KEY)
    tab.expected.append("503")
    tab.page.route("**/thumbnail/**", lambda route: route.fulfill(status=503, body=""))
    tab.open("media?kind=image")
    tab.page.wait_for_function(ALL_SHOWN, arg=1)
    ((path, width),) = tab.page.evaluate(SHOWN)
    assert ("/source/" in path, width) == (True, 1600)
    expect(tab.page.locator("main .picture.none")).to_have_count(1)
    assert tab.axe() == []


def test_hits_are_shown_small(tab: Tab, made: Made) -> None:
    tab.open("search?q=a%20ramp%20of%20grey")
    tab.page.wait_for_function(
        "() => [...document.querySelectorAll('ol.gallery img')].some((each) => each.currentSrc.includes('/images/')"
        " && each.naturalWidth > 0)"
    )
    assert not [each for each in tab.requested if "/source/" in each]
