"""A media playlist that names its segments where they are stored, so that players get them from there."""

import re
from collections.abc import Callable
from posixpath import join, normpath

#: The attribute by which a tag names a file (RFC 8216, section 4.3.2.5).
_URI = re.compile(r'(?<=URI=")([^"]+)(?=")')


def with_links(playlist: str, folder: str, link: Callable[[str], str | None]) -> str:
    """The playlist with what ``link`` says of each file that it names; what that does not know stays as it is.

    ``folder`` is where the playlist lies among the files of the stream, without a slash at its end.
    """

    def linked(name: str) -> str:
        inside = normpath(join(folder, name))
        known = "://" not in name and not inside.startswith(("..", "/"))
        return (link(inside) if known else None) or name

    lines = (
        _URI.sub(lambda found: linked(found[1]), line) if line.startswith("#") else linked(line) if line else line
        for line in playlist.split("\n")
    )
    return "\n".join(lines)
