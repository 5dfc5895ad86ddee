"""``mindia open``"""

from urllib.parse import quote

from scripts.cli.command import Call, command
from scripts.cli.failure import NOT_FOUND, Failure


@command("open", short_help="Print the address of the page")
def open_command(call: Call) -> None:
    """Print the address of the page, with the key in its fragment, which a browser sends nowhere."""
    access = call.api.access
    try:
        html = "html" in call.api.send("GET", "/").headers.get("Content-Type", "")
    except Failure as failure:
        if failure.status != NOT_FOUND:
            raise
        html = False
    if not html:
        raise Failure(f"This gateway has no page; its API is described at {access.url}/api/openapi.json", NOT_FOUND)
    link = f"{access.url}/#key={quote(access.key, safe='')}"
    if not call.out.data({"url": link}, [link]):
        call.out.line(link)
