"""``/api/search``: media found by what they show or say."""

from typing import Any

from broker.media.search import SearchRequest
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.schemas.search import SearchQuery, SearchResults

blueprint = Blueprint("search", __name__, url_prefix="/api/search", description="Find media by meaning.")


@blueprint.get("")
@blueprint.arguments(SearchQuery, location="query")
@blueprint.response(200, SearchResults)
@blueprint.problems(503)
def search_media(query: dict[str, Any]) -> dict[str, Any]:
    """Search by meaning

    Finds media whose embeddings are close to the query's, best first.
    """
    asked = SearchRequest(tenant().name, query["q"], query.get("type"), query["limit"], query.get("min_similarity"))
    hits = broker().search.search(asked)
    return {"query": query["q"], "results": hits, "count": len(hits)}
