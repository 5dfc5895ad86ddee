"""Guards that ``make bench`` still runs: every part once, on a handful of tasks. No figure is judged here."""

import math
import os
import struct
import time
import zlib
from pathlib import Path

import pytest

from scripts.bench import fair, forecast, http, live, memory, rates, scale, search_photographs, side_by_side
from scripts.bench.measure import Effort
from scripts.bench.peers import PEERS
from scripts.bench.server import fresh
from scripts.bench.watched import Watched


def test_we_and_the_floor_are_measured_side_by_side():
    found = side_by_side.run(1, Effort(share=0.001, singles=20, stamped=5), ["ours", "floor"])
    assert set(found) == {"ours", "ours, append-only file", "floor: one Lua call"}
    for (figures,) in found.values():
        assert all(math.isfinite(figure) for figure in figures.values())
        assert figures["drain"] > 0
        assert 0 < figures["p50"] <= figures["p99"]
    report = side_by_side.report(found)
    assert all(name in report for name in found)


def test_a_task_takes_less_memory_in_the_compact_form():
    # So many that the buffers of a connection, which come and go, weigh little on each.
    compact, default = memory.run(5000).values()
    assert 0 < compact["waiting"] < default["waiting"]
    assert 0 < compact["finished"] < default["finished"]


def test_pruning_leaves_nothing_at_either_size():
    found = scale.run(30, 60, 2)
    assert found["pruning"]["tasks"] == 62
    assert "62 tasks" in scale.report(found)


def test_every_request_of_the_load_is_a_task():
    found = http.run(1, 20)
    assert found["gateway"][0]["rate"] > 0
    assert "gateway / constant" in http.report(found)


def test_every_event_reaches_every_listener():
    found = live.run(10, 6)
    assert 0 < found["p50"] <= found["p95"] <= found["max"]
    assert "p95" in live.report(found)


def test_no_two_starts_are_closer_than_the_rate_allows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rates, "RATES", (20.0, 500.0))
    found = rates.run(0.5)
    for each in (each for row in found.values() for each in row.values()):
        assert 0 < each["used"] <= 1 + 1e-9
        assert each["gap"] >= 1 - 1e-9
    assert "500" in rates.report(found)


def test_one_tenant_and_many_are_drained_side_by_side():
    found = fair.run(rounds=1, tenants=5, each=40, drained=20, flood=50)
    assert len(found["sites"]) == 4
    assert "one tenant, 100 groups" in fair.report(found)


def test_forecasts_of_every_size_are_timed():
    found = forecast.run(1)
    assert all(0 < figures["question"] / 1e3 < figures["build"] for figures in found.values())
    assert "100,000 of 500" in forecast.report(found)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_versions_are_pinned(peer):
    assert all("==" in package or "@" in package for package in peer.packages)


def test_photographs_are_read_from_a_resource_file_and_missing_packages_are_named(tmp_path, monkeypatch):
    name, content = "a/b.jpg", b"picture"
    names = b"".join(struct.pack(">HI", len(each), 0) + each.encode("utf-16-be") for each in ("", *name.split("/")))
    folder = struct.pack(">IHII", 0, 2, 1, 1) + bytes(8)
    inner = struct.pack(">IHII", 6, 2, 1, 2) + bytes(8)
    leaf = struct.pack(">IHII", 14, 1, 0, 0) + bytes(8)
    packed = struct.pack(">I", len(content)) + zlib.compress(content)
    data = struct.pack(">I", len(packed)) + packed
    tree = 20
    head = struct.pack(">4sIIII", b"qres", 2, tree, tree + 66, tree + 66 + len(data))
    assert list(search_photographs._resources(head + folder + inner + leaf + data + names)) == [("//a/b.jpg", content)]
    monkeypatch.setattr(search_photographs.shutil, "which", lambda name: None)
    _, missing = search_photographs.photographs(tmp_path)
    assert set(missing) >= set(search_photographs.PACKAGES)
    assert len(search_photographs.queries()) == 67


def test_videos_show_each_photograph_once_and_are_made_once(tmp_path, monkeypatch):
    search_videos = pytest.importorskip("scripts.bench.search_videos", reason="needs av", exc_type=ImportError)
    frames_of = pytest.importorskip(
        "handlers.embedding.reading.video", reason="needs av", exc_type=ImportError
    ).read_frames
    monkeypatch.setattr(search_videos, "_LONGEST", search_videos._SHORTEST)
    photographs = {}
    for number in range(9):
        photographs[f"{number}.png"] = tmp_path / f"{number}.png"
        search_videos.Image.new("RGB", (80, 60), (28 * number, 255 - 28 * number, 128)).save(tmp_path / f"{number}.png")
    filmed = search_videos.videos(photographs, tmp_path / "videos")
    assert [len(shown) for shown in filmed.values()] == [4, 4]
    assert len({name for shown in filmed.values() for name in shown}) == 8
    made = {path: path.stat().st_mtime_ns for path in filmed}
    assert search_videos.videos(photographs, tmp_path / "videos") == filmed
    assert {path: path.stat().st_mtime_ns for path in filmed} == made
    assert all(frames_of(path) for path in filmed)


def test_every_model_that_can_be_fetched_is_measured_when_asked_for(tmp_path, monkeypatch):
    search_quality = pytest.importorskip(
        "scripts.bench.search_quality", reason="needs the extra embed", exc_type=ImportError
    )
    asked = []
    monkeypatch.setattr(search_quality.fetch_model, "main", lambda names: asked.extend(names) or len(asked) == 1)
    monkeypatch.setattr(search_quality, "photographs", lambda folder: ({}, ["opencv-doc"]))
    monkeypatch.setattr(search_quality, "_models", lambda: iter(()))
    assert search_quality.run(tmp_path)["missing"] == ["opencv-doc"]
    assert asked == []
    first, second = search_quality.fetch_model.MODELS
    assert search_quality.run(tmp_path, fetch=True)["missing"] == ["opencv-doc", first]
    assert asked == [first, second]
    queries, german = search_quality.queries(), search_quality.german()
    assert queries.keys() == german.keys()
    assert all(german.values())


def test_the_index_is_measured_beside_the_scan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    np = pytest.importorskip("numpy", reason="needs the extra light")
    search_index = pytest.importorskip("scripts.bench.search_index", reason="needs the extra light")
    pytest.importorskip("usearch", reason="needs the extra hnsw")
    monkeypatch.setattr("handlers.embedding.index.block._BLOCK_ROWS", 200)
    chance = np.random.default_rng(1)
    real = [search_index.unit(chance.standard_normal((each, 384), np.float32)) for each in (1000, 1000, 50, 5)]
    monkeypatch.setattr(search_index, "_real", lambda folder: real)
    found = search_index.run([1000, 2000], tmp_path)
    assert 0.9 < found["2000"]["recall"] <= 1
    assert found["2000"]["build"] > found["1000"]["build"] > 0
    assert "recall@10" in search_index.report(found)


def test_what_a_process_does_is_told_beside_how_long_it_took():
    watched = Watched({"me": os.getpid()})
    before, started = watched.read(), time.thread_time()
    while time.thread_time() - started < 0.05:
        pass
    after = watched.read()
    assert after["me ran"] - before["me ran"] >= 50
    assert after["me waited"] >= before["me waited"]
    assert after["me faults"] >= before["me faults"] > 0


def test_what_the_server_is_tuned_by_tunes_nothing_else():
    before = dict(os.environ)
    with fresh() as server:
        pid = server.redis.info("server")["process_id"]
        assert b"glibc.malloc" in Path(f"/proc/{pid}/environ").read_bytes()
        assert dict(os.environ) == before
