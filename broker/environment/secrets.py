"""The values in an environment that nobody else is to be shown."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from broker.environment.variables import VARIABLES

#: What other libraries read.
_OTHERS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "METRICS_TOKEN")


def secrets_of(environ: Mapping[str, str]) -> Iterator[str]:
    """Each secret by itself: keys without their tenants, passwords without the address that they are a part of."""
    for name in (*(name for name, each in VARIABLES.items() if each.secret), *_OTHERS):
        value = environ.get(name, "")
        if not value:
            continue
        if "://" in value:
            yield from filter(None, (value, urlsplit(value).password))
        else:
            yield from (part.partition(":")[2] or part for each in value.split(",") if (part := each.strip()))
