"""``mindia search``"""

from typing import Any

import click

from scripts.cli.command import Call, command
from scripts.cli.table import Column
from scripts.cli.words import clean

_COLUMNS = [
    Column("RELEVANCE", right=True),
    Column("SIMILARITY", right=True),
    Column("ID"),
    Column("KIND"),
    Column("FILE"),
]


@command("search", short_help="Find media by what they show")
@click.argument("words", metavar="WORDS...", nargs=-1, required=True)
@click.option("--type", "kind", type=click.Choice(["video", "image", "audio", "document"]), help="Only this kind.")
@click.option("--limit", type=int, default=20, show_default=True, help="How many at most.")
@click.option("--min-similarity", type=float, metavar="N", help="Leave out what is less similar: -1 to 1.")
@click.option(
    "--min-relevance", type=float, metavar="N", help="Leave out what is less relevant: 0 to 1, 0.5 if left out."
)
def search_command(call: Call, words: tuple[str, ...], **given: Any) -> None:
    """Find media by what they show or say.

    mindia search a dog on a beach
    """
    least = {name: given[name] for name in ("min_similarity", "min_relevance")}
    answer = call.api.get("/api/search", q=" ".join(words), type=given["kind"], limit=given["limit"], **least)
    if call.out.data(answer, (hit["entity_id"] for hit in answer["results"])):
        return
    if not answer["results"]:
        call.out.note("Nothing that fits was found; --min-relevance 0 shows what comes nearest.")
        return
    call.out.table(_COLUMNS, map(_row, answer["results"]))


def _row(hit: dict[str, Any]) -> tuple[str, ...]:
    relevance = "-" if hit["relevance"] is None else f"{hit['relevance']:.2f}"
    return relevance, f"{hit['similarity']:.3f}", hit["entity_id"], clean(hit["entity_type"]), clean(hit["filename"])
