"""Is every key of the type that it should be? One that is not stops whatever touches it."""

import inspect
import re
from collections.abc import Iterator

from redis import Redis

from broker.doctor.finding import Finding
from broker.engine.keys import Keys
from broker.status import REGISTRY

_PAGE = 500
#: What the lines of ``Keys`` begin with, and what TYPE answers.
_TYPE = {"string": "string", "list": "list", "set": "set", "sorted set": "zset", "hash": "hash", "stream": "stream"}


class KeyTypes:
    """Reads on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._expected = _expected_types(keys)

    def findings(self) -> Iterator[Finding]:
        """Keys below the prefix whose name is one of ours, or of RQ's that we use, and whose type is another."""
        page: list[str] = []
        for key in self._redis.scan_iter(f"{self._keys.prefix}:*", count=_PAGE):
            page.append(key)
            if len(page) >= _PAGE:
                yield from self._wrong(page)
                page = []
        yield from self._wrong(page)

    def _wrong(self, page: list[str]) -> Iterator[Finding]:
        with self._redis.pipeline(transaction=False) as reads:
            for key in page:
                reads.type(key)
            types = reads.execute()
        for key, found in zip(page, types, strict=True):
            wanted = next((type_ for pattern, type_ in self._expected if pattern.fullmatch(key)), found)
            if found not in (wanted, "none"):
                yield Finding(f"{key} is a {found} and must be a {wanted}", "wrong_type", key)


def _expected_types(keys: Keys) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of keys and their types, as the lines of ``Keys`` say; what is more special comes first."""
    found = [(keys.registry(name, "\0"), "zset") for name in REGISTRY.values()]
    found.append((keys.registry("workers", "\0"), "set"))
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        if not name.startswith("_") and name not in ("registry", "set_aside"):
            word = (inspect.getdoc(method) or "").partition(":")[0]
            found.append((method(*["\0"] * len(inspect.signature(method).parameters)), _TYPE[word]))
    # media:<tenant>:<kind> is no media:<id>: the pattern that says more decides.
    found.sort(key=lambda each: ("\0" in each[0], -len(each[0].replace("\0", ""))))
    return [(re.compile(re.escape(key).replace("\0", ".*")), type_) for key, type_ in found]
