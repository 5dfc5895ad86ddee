"""Search from the terminal: by words, by likeness, by a picture, narrowed down and in pages."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from broker.broker import Broker
from broker.search.found import Found, Hit, Place
from broker.search.request import SearchRequest
from tests.gateway.media import PNG
from tests.scripts.cli.conftest import Mindia
from tests.search_fixtures import searching

PLACE = Place("speech", 0.5, "a ramp of grey", [[2, 6]], start=62.0, end=63.0)
NUMBER = 130


@pytest.fixture
def asked(broker: Broker) -> Iterator[list[SearchRequest]]:
    """What a search process is asked, which finds so many files, in pages."""
    requests: list[SearchRequest] = []

    def answer(request: SearchRequest) -> Found:
        requests.append(request)
        start = int(request.after[0]) if request.after else 0
        end = min(NUMBER, start + request.limit)
        ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(start, end)]
        hits = [Hit("video", each, "clip.mp4", 0.5, 0.9, places=[asdict(PLACE)]) for each in ids]
        after = [float(end), 0.5, "video", ids[-1]] if end < NUMBER else None
        return Found(hits, NUMBER, after, exact=request.query != "very many")

    with searching(broker.search_server, answer):
        yield requests


def found(mindia: Mindia, *arguments: object) -> list[str]:
    """The ids, from a search process that may still be starting."""
    for _ in range(100):
        said = mindia("search", "-q", *arguments)
        if said.status != 6:
            break
    assert said.status == 0, said.err
    return said.out.split()


def test_what_nothing_fits_is_told_what_may_help(mindia: Mindia, broker: Broker) -> None:
    with searching(broker.search_server, lambda _: Found([], 0, None)):
        found(mindia, "orange")
        assert mindia("search", "orange").err == (
            "Nothing that fits was found; --min-relevance 0 shows what comes nearest.\n"
        )
        filtered = "Filters leave out what they do not fit, however near it is.\n"
        assert mindia("search", "orange", "--min-duration", "1h").err.endswith(f"comes nearest. {filtered}")
        assert mindia("search", "orange", "--min-relevance", "0").err == "Nothing that fits was found.\n"


def test_where_and_how_well_it_fits(mindia: Mindia, asked: list[SearchRequest]) -> None:
    found(mindia, "a", "ramp")
    said = mindia("search", "a", "ramp", "--limit", 2)
    lines = said.out.splitlines()
    assert len(lines) == 3
    assert lines[1].split("  ")[-1] == "1:02, is said: a ramp of grey"
    assert "2 of 130: --limit, or --cursor " in said.err
    cursor = said.err.rpartition(" ")[2].strip()
    assert found(mindia, "a", "ramp", "--limit", 1, "--cursor", cursor)[0].endswith("02")
    assert asked[-1].query == "a ramp"


def test_it_says_when_there_may_be_more(mindia: Mindia, asked: list[SearchRequest]) -> None:
    found(mindia, "very", "many")
    assert "2 of at least 130: " in mindia("search", "very", "many", "--limit", 2).err


def test_as_many_as_are_asked_for(mindia: Mindia, asked: list[SearchRequest]) -> None:
    ids = found(mindia, "ramp", "--limit", 120)
    assert len(set(ids)) == 120
    assert len(set(found(mindia, "ramp", "--limit", 500))) == NUMBER
    document = json.loads(mindia("search", "ramp", "--limit", 110, "--json").out)
    assert (document["count"], document["total"]) == (110, NUMBER)


def test_what_narrows_it_down(mindia: Mindia, asked: list[SearchRequest], tmp_path: Path) -> None:
    options = (
        *(
            "--type",
            "video",
            "--tag",
            "a",
            "--name",
            "clip",
            "--from",
            "2024-01-01",
            "--to",
            "7d",
            "--min-size",
            "1.5MB",
        ),
        *("--max-size", "2GB", "--min-duration", "90s", "--max-duration", "1h", "--min-relevance", 0),
    )
    found(mindia, "ramp", *options)
    narrowing = asked[-1].narrowing
    assert asked[-1].entity_type == "video"
    assert {name: narrowing[name] for name in ("tag", "filename", "min_size", "max_size")} == {
        "tag": "a", "filename": "clip", "min_size": 1_500_000, "max_size": 2_000_000_000,
    }  # fmt: skip
    assert (narrowing["min_duration"], narrowing["max_duration"]) == (90, 3600)
    assert narrowing["created_from"] < narrowing["created_until"]
    assert mindia("search", "ramp", "--min-size", "many").status == 2


def test_what_is_like_a_file_or_a_picture(mindia: Mindia, asked: list[SearchRequest], tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    picture.write_bytes(PNG)
    image = json.loads(mindia("upload", picture, "--json").out)["id"]
    found(mindia, "--like", image)
    assert asked[-1].like == image
    found(mindia, "--picture", picture, "--type", "image", "--limit", 3)
    assert asked[-1].picture
    assert (asked[-1].entity_type, asked[-1].limit) == ("image", 3)
    assert mindia("search", "--picture", tmp_path / "none.png").status == 2
    assert "Is a directory" in (refused := mindia("search", "--picture", tmp_path)).err
    assert refused.status == 2, "it is not said that nobody answers"
    assert mindia("search").status == mindia("search", "word", "--like", image).status == 2


def test_how_far_a_new_model_is(mindia: Mindia, broker: Broker) -> None:
    keys, redis = broker.keys, broker.redis
    redis.hset(keys.vectors("ops", "old+1"), mapping=dict.fromkeys("abc", "image 1\n1"))
    redis.hset(keys.vectors("ops", "new+2"), "a", "image 1\n1")
    redis.sadd(keys.vector_models("ops"), "old+1", "new+2")
    state = {"active": "old+1", "wanted": "new+2", "since": 1, "walked_at": 2, "made": 1}
    redis.hset(keys.generation("ops"), mapping=state)
    redis.zadd(keys.generation_missing("ops"), {"b": 0, "c": 5})
    said = mindia("search", "--status")
    assert said.status == 0
    rows = [line.split()[:3] for line in said.out.splitlines()]
    assert ["new+2", "next", "1"] in rows
    assert ["old+1", "active", "3"] in rows
    assert "1 of 3 files, 2 missing, 0 failed, about" in said.err + said.out
