"""``mindia search``"""

from typing import Any

import click

from scripts.cli.command import Call, command
from scripts.cli.table import Column
from scripts.cli.words import clean, duration

_COLUMNS = [
    Column("RELEVANCE", right=True),
    Column("SIMILARITY", right=True),
    Column("ID"),
    Column("KIND"),
    Column("FILE"),
]
_GENERATIONS = [Column("GENERATION"), Column("STATE"), Column("FILES", right=True), Column("KEPT SINCE")]


@command("search", short_help="Find media by what they show")
@click.argument("words", metavar="WORDS...", nargs=-1)
@click.option("--status", is_flag=True, help="Show how far a new model has embedded everything anew.")
@click.option("--type", "kind", type=click.Choice(["video", "image", "audio", "document"]), help="Only this kind.")
@click.option("--limit", type=int, default=20, show_default=True, help="How many at most.")
@click.option("--min-similarity", type=float, metavar="N", help="Leave out what is less similar: -1 to 1.")
@click.option(
    "--min-relevance", type=float, metavar="N", help="Leave out what is less relevant: 0 to 1, 0.5 if left out."
)
def search_command(call: Call, words: tuple[str, ...], status: bool, **given: Any) -> None:
    """Find media by what they show or say.

    mindia search a dog on a beach
    """
    if status:
        _show_status(call)
        return
    if not words:
        raise click.UsageError("Missing argument 'WORDS...'.")
    least = {name: given[name] for name in ("min_similarity", "min_relevance")}
    answer = call.api.get("/api/search", q=" ".join(words), type=given["kind"], limit=given["limit"], **least)
    if call.out.data(answer, (hit["entity_id"] for hit in answer["results"])):
        return
    if not answer["results"]:
        call.out.note("Nothing that fits was found; --min-relevance 0 shows what comes nearest.")
        return
    call.out.table(_COLUMNS, map(_row, answer["results"]))
    if not answer["complete"]:
        call.out.note(f"{answer['missing']} files could not be searched yet; see mindia search --status.")


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


def _row(hit: dict[str, Any]) -> tuple[str, ...]:
    relevance = "-" if hit["relevance"] is None else f"{hit['relevance']:.2f}"
    return relevance, f"{hit['similarity']:.3f}", hit["entity_id"], clean(hit["entity_type"]), clean(hit["filename"])
