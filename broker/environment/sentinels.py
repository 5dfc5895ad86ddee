"""``redis+sentinel://``: a server that is named by a service, and found by asking its Sentinels.

``redis+sentinel://[[user]:password@]host[:26379][,host2[:port]…]/service[/db][?options]``, the form that RQ's tools
know. Options are redis-py's; those that begin with ``sentinel_`` are of the connections to the Sentinels. With
``rediss+sentinel`` both speak TLS.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from redis.connection import parse_url

_PORT = 26379
_OF_SENTINELS = "sentinel_"
SCHEMES = ("redis+sentinel", "rediss+sentinel")
FORM = "redis+sentinel://:password@host1:26379,host2:26379/service/0"


@dataclass(frozen=True)
class Sentinels:
    """Who is asked, and for what."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    #: The server's own URL, with the service in the place of its host.
    url: str = field(repr=False)
    #: redis-py's options for connections to the Sentinels.
    options: dict[str, object] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.service} (Sentinels {', '.join(f'{host}:{port}' for host, port in self.hosts)})"


def sentinels(url: str) -> Sentinels | None:
    """What such a URL says; ``None`` of any other. Raises ``ValueError``, without the password in its words."""
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        return None
    parts = urlsplit(f"//{rest}")
    login, _, names = parts.netloc.rpartition("@")
    service, _, database = unquote(parts.path).strip("/").partition("/")
    if not service:
        raise ValueError("it names no service")
    servers: list[tuple[str, str]] = []
    asked: list[tuple[str, str]] = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        ours = name.startswith(_OF_SENTINELS)
        (asked if ours else servers).append((name.removeprefix(_OF_SENTINELS), value))
    plain = scheme.partition("+")[0]
    own = f"{plain}://{login}@" if login else f"{plain}://"
    return Sentinels(
        hosts=tuple(_host(each) for each in names.split(",")),
        service=service,
        url=f"{own}{quote(service, safe='')}/{quote(database or '0', safe='/')}?{urlencode(servers)}".rstrip("?"),
        options=_options(plain, servers, asked),
    )


def _options(plain: str, servers: list[tuple[str, str]], asked: list[tuple[str, str]]) -> dict[str, object]:
    """What names the CA of one names that of the other too, unless it is said otherwise."""
    shared = [(name, value) for name, value in servers if name.startswith("ssl_")]
    options: dict[str, object] = parse_url(f"{plain}://sentinel?{urlencode([*shared, *asked])}")
    options.pop("host", None)
    options.pop("connection_class", None)
    return options | ({"ssl": True} if plain == "rediss" else {})


def _host(text: str) -> tuple[str, int]:
    """An IPv6 address stands in brackets."""
    name, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        name, port = text, str(_PORT)
    if not name or not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError("one of its hosts is none, or has no port but 1 to 65535")
    return name.removeprefix("[").removesuffix("]"), int(port)
