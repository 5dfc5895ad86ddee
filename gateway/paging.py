"""The ``Link`` header of a list (RFC 8288): where its first, next and previous pages are, relative to the root."""

from typing import Any
from urllib.parse import urlencode

from gateway.fast.current_request import this_request


def link_header(**pages: dict[str, Any] | None) -> dict[str, str]:
    """The header that names pages by their relation, ``first=`` and so on: each what differs in this request's query.

    A parameter that is ``None`` is left out; so is a page that is ``None``.
    """
    asked = this_request()
    given = list(asked.args.items(multi=True))
    links = []
    for relation, changes in pages.items():
        if changes is None:
            continue
        kept = [(name, value) for name, value in given if name not in changes]
        query = urlencode([*kept, *((name, value) for name, value in changes.items() if value is not None)])
        links.append(f'<{asked.path}{"?" if query else ""}{query}>; rel="{relation}"')
    return {"Link": ", ".join(links)} if links else {}
