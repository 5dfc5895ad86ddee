"""Where files lie is a promise: what was stored by an earlier release is found by this one."""

import re
from pathlib import Path

import pytest

import broker
from broker.media import paths
from broker.media.storage import check_key, check_prefix

MEDIA_ID, TASK_ID = "550e8400-e29b-41d4-a716-446655440000", "11111111-2222-4333-8444-555555555555"
KEYS = {
    paths.source("acme", MEDIA_ID): f"acme/{MEDIA_ID}/source",
    paths.hls("acme", MEDIA_ID, "720p/00001.m4s"): f"acme/{MEDIA_ID}/hls/720p/00001.m4s",
    paths.plugin_file("acme", MEDIA_ID, "thumbnail", TASK_ID, "a.jpg"): (
        f"acme/{MEDIA_ID}/plugins/thumbnail/{TASK_ID}/a.jpg"
    ),
    paths.work("acme", MEDIA_ID, TASK_ID, "0123abcd", "part"): f"acme/{MEDIA_ID}/work/{TASK_ID}/0123abcd/part",
    paths.caption("acme", MEDIA_ID, TASK_ID): f"acme/{MEDIA_ID}/captions/{TASK_ID}.vtt",
    f"{paths.thumbnails('acme', MEDIA_ID, 3)}1000.jpg": f"acme/{MEDIA_ID}/thumbnails/3/1000.jpg",
}


@pytest.mark.parametrize(("key", "layout"), KEYS.items())
def test_every_file_of_a_media_file_lies_in_its_folder_and_tells_whose_it_is(key: str, layout: str) -> None:
    assert key == layout
    check_key(key)
    assert key.startswith(paths.media_folder("acme", MEDIA_ID))
    assert paths.place(key)[:2] == ("acme", MEDIA_ID)


def test_a_plugin_file_tells_its_plugin_and_task() -> None:
    key = paths.plugin_file("acme", MEDIA_ID, "thumbnail", TASK_ID, "a.jpg")
    assert paths.place(key) == paths.Place("acme", MEDIA_ID, "plugins", plugin="thumbnail", task_id=TASK_ID)
    assert paths.place(f"acme/{MEDIA_ID}/plugins/odd") == paths.Place("acme", MEDIA_ID, "plugins")
    assert paths.place(f"acme/{MEDIA_ID}/mine/x/y") == paths.Place("acme", MEDIA_ID, "mine")


@pytest.mark.parametrize(
    ("name", "version"),
    [("/master.m3u8", ""), ("/720p/00001.m4s", ""), ("", ""), (f"/{TASK_ID}/720p/00001.m4s", TASK_ID)],
)
def test_a_file_of_a_stream_tells_of_which_version_it_is(name: str, version: str) -> None:
    assert paths.place(f"acme/{MEDIA_ID}/hls{name}") == paths.Place("acme", MEDIA_ID, "hls", version=version)


def test_a_caption_tells_what_has_to_name_it() -> None:
    assert paths.place(paths.caption("acme", MEDIA_ID, TASK_ID)).note == f"caption:{TASK_ID}"


def test_folders_are_prefixes_as_storage_takes_them() -> None:
    for prefix in (paths.media_folder("acme", MEDIA_ID), paths.hls("acme", MEDIA_ID)):
        check_prefix(prefix)


@pytest.mark.parametrize(
    "key",
    [*("", "acme", "acme/", "acme/id", "acme/id/source", "acme//source", "_brokers/17"),
     *(f"acme/{MEDIA_ID}/", f"acme/{MEDIA_ID}", f"/{MEDIA_ID}/source")],
)  # fmt: skip
def test_what_is_no_key_of_a_media_file_has_no_place(key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        paths.place(key)


def test_nothing_else_composes_a_storage_key() -> None:
    root = Path(broker.__file__).parent.parent
    composed = re.compile(r'f"\{[^"{}]*tenant[^"{}]*\}/')  # every key begins with the tenant
    files = [file for folder in ("broker", "gateway", "handlers") for file in (root / folder).rglob("*.py")]
    authors = {file.name for file in files if composed.search(file.read_text())}
    assert len(files) > 100
    assert authors == {"paths.py"}
