"""``mindia search``"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from scripts.cli.command import Call, command
from scripts.cli.failure import Usage
from scripts.cli.form import FormFile
from scripts.cli.media import KINDS
from scripts.cli.table import Column, cut
from scripts.cli.words import bytes_in, clean, duration, place, seconds_in, since

_COLUMNS = [Column("ID"), Column("KIND"), Column("FILE"), Column("WHERE")]
#: Characters before the first word of the query that are shown where there is no room for all of a passage.
_LEAD = 24
#: Cells that what stands below its row is put in by.
_INDENT = 2
#: The most that the API answers at once.
_PAGE = 100
_MATCHED = {
    "name": "its name",
    "label": "shows",
    "picture": "looks like it",
    "passage": "says",
    "speech": "is said",
    "text": "is written",
}
_GENERATIONS = [Column("GENERATION"), Column("STATE"), Column("FILES", right=True), Column("KEPT SINCE")]
Question = tuple[dict[str, Any], Path | None]


@command("search", short_help="Find media by what they show or say")
@click.argument("words", metavar="[WORDS...]", nargs=-1)
@click.option("--status", is_flag=True, help="Show how far a new model has embedded everything anew.")
@click.option("--like", metavar="ID", type=click.UUID, help="What is like this file, instead of words.")
@click.option("--picture", metavar="FILE", type=click.Path(path_type=Path), help="What is like this picture.")
@click.option("--type", "kind", type=click.Choice(KINDS), help="Only this kind.")
@click.option("--tag", metavar="TAG", help="Only what was uploaded with this tag.")
@click.option("--name", "filename", metavar="TEXT", help="Only files with this in their names.")
@click.option("--from", "start", metavar="WHEN", help="Only what was uploaded since: 7d, or a date.")
@click.option("--to", "end", metavar="WHEN", help="Only what was uploaded until: 7d (ago), or a date.")
@click.option("--min-size", metavar="SIZE", help="Only files of so much: 500kB, 20MB, 1GB.")
@click.option("--max-size", metavar="SIZE", help="Only files of at most so much.")
@click.option("--min-duration", metavar="SPAN", help="Only recordings of so long: 90s, 1h.")
@click.option("--max-duration", metavar="SPAN", help="Only recordings of at most so long.")
@click.option("--min-similarity", type=float, metavar="N", help="Leave out what is less similar: -1 to 1.")
@click.option("--min-relevance", type=float, metavar="N", help="Leave out what is less relevant: 0 to 1; 0.5 else.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@click.option("--cursor", metavar="TEXT", help="Go on behind an answer: its next_cursor.")
def search_command(
    call: Call, words: tuple[str, ...], status: bool, picture: Path | None, limit: int, **given: Any
) -> None:
    """Find media by what they show or say, or by what they are like.

    \b
    mindia search a dog on a beach --type video --from 30d
    mindia search --like ID
    mindia search --picture photo.jpg
    """
    if status:
        _show_status(call)
        return
    if (bool(words) + bool(given["like"]) + bool(picture)) != 1:
        raise Usage("Say what to look for: words, --like ID or --picture FILE, one of them.")
    asked = {"q": " ".join(words) or None, **_narrowed(**given)}
    answer = _answer(call, ({name: each for name, each in asked.items() if each is not None}, picture), limit)
    results = answer["results"]
    if call.out.data(answer, (hit["entity_id"] for hit in results)):
        return
    if not results:
        asks_less = words and (given["min_relevance"] is None or given["min_relevance"] > 0)
        nearest = "; --min-relevance 0 shows what comes nearest" if asks_less else ""
        narrowed = (
            asked.keys()
            - {"q", "like", "min_relevance", "min_similarity", "cursor"}
            - {n for n, e in asked.items() if e is None}
        )
        filters = " Filters leave out what they do not fit, however near it is." if narrowed else ""
        call.out.note(f"Nothing that fits was found{nearest}.{filters}")
        return
    # What they are sorted by, and, of the same model, all alike.
    score = "similarity" if results[0]["relevance"] is None else "relevance"
    columns = [Column(score.upper(), right=True), *_COLUMNS]
    call.out.table(columns, [_row(hit, score, call.out.width) for hit in results], below=2)
    if answer["next_cursor"]:
        total = answer["total"] if answer.get("total_exact", True) else f"at least {answer['total']}"
        call.out.note(f"{len(results)} of {total}: --limit, or --cursor {answer['next_cursor']}")
    if not answer["complete"]:
        call.out.note(f"{answer['missing']} files could not be searched yet; see mindia search --status.")


def _narrowed(like: UUID | None, kind: str | None, start: str | None, end: str | None, **others: Any) -> dict[str, Any]:
    """Options as the API names and writes them. Raises ``Usage``."""
    sizes = {name: others.pop(name) for name in ("min_size", "max_size")}
    spans = {name: others.pop(name) for name in ("min_duration", "max_duration")}
    return {
        "like": str(like) if like else None,
        "type": kind,
        "start_date": since(start) if start else None,
        "end_date": since(end) if end else None,
        **{name: bytes_in(text) for name, text in sizes.items() if text},
        **{name: seconds_in(text) for name, text in spans.items() if text},
        **others,
    }


def _answer(call: Call, question: Question, limit: int) -> dict[str, Any]:
    """One answer with up to ``limit`` hits, of as many pages as that takes."""
    pages = _pages(call, question, limit)
    answer = next(pages)
    for page in pages:
        answer = page | {"results": [*answer["results"], *page["results"]]}
    return answer | {"count": len(answer["results"])}


def _pages(call: Call, question: Question, limit: int) -> Iterator[dict[str, Any]]:
    asked, picture = question
    while limit > 0:
        page = _ask(call, asked | {"limit": min(limit, _PAGE)}, picture)
        yield page
        limit -= len(page["results"])
        if not page["next_cursor"] or not page["results"]:
            return
        asked = asked | {"cursor": page["next_cursor"]}


def _ask(call: Call, asked: dict[str, Any], picture: Path | None) -> dict[str, Any]:
    if picture is None:
        found: dict[str, Any] = call.api.get("/api/search", **asked)
        return found
    try:
        form = FormFile(picture, {name: str(value) for name, value in asked.items()}, lambda _: None)
        found = call.api.call("POST", "/api/search", data=form, headers={"Content-Type": form.content_type})
    except OSError as error:
        raise Usage(f"{picture} cannot be read ({error.strerror}).") from error
    return found


def _show_status(call: Call) -> None:
    answer = call.api.get("/api/search/status")
    if call.out.data(answer, (each["name"] for each in answer["generations"])):
        return
    call.out.table(_GENERATIONS, map(_generation, answer["generations"]))
    left = [f"{answer['missing']} missing", f"{answer['failed']} failed"]
    told = f"{answer['done']} of {answer['total']} files, " + ", ".join(left)
    if answer["missing"] and answer["estimate"] is not None:
        told += f", about {duration(answer['estimate'])} left"
    call.out.note(told if answer["counted"] else f"{told}; still counting")


def _generation(each: dict[str, Any]) -> tuple[str, ...]:
    return clean(each["name"]), each["state"], str(each["files"]), each["kept_since"] or "-"


def _row(hit: dict[str, Any], score: str, width: int) -> tuple[str, ...]:
    shown = "-" if hit[score] is None else f"{hit[score]:.2f}" if score == "relevance" else f"{hit[score]:.3f}"
    where = next((_where(each, hit["filename"], width) for each in hit["places"]), "")
    return shown, hit["entity_id"], clean(hit["entity_type"]), clean(hit["filename"]), where


def _where(found: dict[str, Any], filename: str, width: int) -> str:
    """The best place in a file: when or on which page, why, and the words there, in one line of the terminal."""
    at = f"page {found['page']}" if found["page"] else "" if found["start"] is None else place(found["start"])
    told = ", ".join(each for each in (at, _MATCHED.get(found["matched"], "")) if each)
    text = found["text"] or ""
    if found["matched"] == "name" and text in filename:  # it stands beside it
        return told
    lead = f"{told}: " if told and text else told
    return cut(lead + _from_first(text, found["marks"], width - len(lead)), width - _INDENT)


def _from_first(text: str, marks: Sequence[Sequence[int]], width: int) -> str:
    """A text, without its beginning where else there were no room for the first word of the query."""
    first = marks[0][0] if marks else 0
    if len(text) <= width or first <= _LEAD:
        return clean(text)
    begin = text.rfind(" ", 0, first - _LEAD + 1) + 1
    return clean(f"…{text[begin or first - _LEAD :]}")
