"""The values in an environment that nobody else is to be shown."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from broker.environment.variables import VARIABLES

#: How the variables end that other libraries read secrets from, such as ``AWS_SECRET_ACCESS_KEY``.
_OTHERS = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS|CONNECTION_STRING)$")


def secrets_of(environ: Mapping[str, str]) -> Iterator[str]:
    """Each secret by itself: keys without their tenants, passwords without the address that they are a part of."""
    for name, value in environ.items():
        known = VARIABLES.get(name)
        if not (known.secret if known else _OTHERS.search(name)):
            continue
        if "://" in value:
            yield from filter(None, (value, urlsplit(value).password))
        else:
            yield from (part.partition(":")[2] or part for each in value.split(",") if (part := each.strip()))
