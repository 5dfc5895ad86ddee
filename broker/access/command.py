"""``python -m broker keys``: API keys for whoever has Redis, and perhaps no key yet."""

import argparse
import sys
import time
from collections.abc import Callable

from broker.access.api_keys import MAX_OVERLAP_SECONDS, ApiKeys, NewKey
from broker.access.scopes import Scope
from broker.actor import command_line
from broker.environment.credentials import TENANT_NAME
from broker.errors import TaskBrokerError

_DAY_US = 24 * 3600 * 1_000_000
_DAY = 24 * 3600
_PAGE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow ``keys``."""
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a key; it is printed this once, alone on standard output")
    create.add_argument("--tenant", required=True, type=_tenant, help="whose it is; its first key makes a tenant")
    create.add_argument("--name", required=True, type=_name, help="what it is for")
    create.add_argument(
        "--scopes", default=_scopes("read,write"), type=_scopes, help="read,write,admin; default read,write"
    )
    create.add_argument("--days", type=_days, help="after which it ends; never, if left out")
    listed = actions.add_parser("list", help="all keys, newest first, without their secrets")
    listed.add_argument("--tenant", default="", help="only this tenant's")
    rotate = actions.add_parser("rotate", help="give a key a new secret, which is printed this once")
    rotate.add_argument("id")
    rotate.add_argument(
        "--overlap", type=_overlap, default=_DAY, help="seconds for which the former secret is valid too"
    )
    revoke = actions.add_parser("revoke", help="end a key at once")
    revoke.add_argument("id")


def run(keys: ApiKeys, options: argparse.Namespace) -> int:
    """Does what was asked; returns the exit status."""
    try:
        _ACTIONS[options.action](keys, options)
    except TaskBrokerError as error:
        details = [f"{each['pointer']}: {each['detail']}" for each in error.extra.get("errors", ())]
        print(f"keys {options.action}: {' '.join(details) or error.message}", file=sys.stderr)
        return 1
    return 0


def _create(keys: ApiKeys, options: argparse.Namespace) -> None:
    expires_us = None if options.days is None else int(time.time() * 1e6 + options.days * _DAY_US)
    key, text = keys.create(NewKey(options.tenant, options.name, options.scopes, expires_us), command_line())
    print(f"{key.id} is a key of {key.tenant} for {', '.join(key.scopes)}; it is shown this once:", file=sys.stderr)
    print(text)


def _list(keys: ApiKeys, options: argparse.Namespace) -> None:
    row = "{:12}  {:16}  {:16}  {:20}  {:20}  {}".format
    print(row("id", "tenant", "scopes", "last used", "expires", "name"))
    offset, total = 0, 1
    while offset < total:
        found, total = keys.page(limit=_PAGE, offset=offset, tenant=options.tenant)
        for key in found:
            expires = "expired" if key.expired else _to_the_second(key.expires_at)
            print(row(key.id, key.tenant, ",".join(key.scopes), _to_the_second(key.last_used_at), expires, key.name))
        offset += _PAGE


def _rotate(keys: ApiKeys, options: argparse.Namespace) -> None:
    text, until = keys.rotate(options.id, options.overlap, command_line())
    print(f"{options.id} has a new secret; the former one is valid until {_to_the_second(until)}:", file=sys.stderr)
    print(text)


def _revoke(keys: ApiKeys, options: argparse.Namespace) -> None:
    keys.revoke(options.id, command_line())
    print(f"{options.id} is revoked", file=sys.stderr)


_ACTIONS: dict[str, Callable[[ApiKeys, argparse.Namespace], None]] = {
    "create": _create,
    "list": _list,
    "rotate": _rotate,
    "revoke": _revoke,
}


def _to_the_second(moment: str | None) -> str:
    return f"{moment[:19]}Z" if moment else "never"


def _tenant(text: str) -> str:
    if not TENANT_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("write letters, digits, dots, dashes and underscores, at most 63")
    return text


def _name(text: str) -> str:
    if not 1 <= len(text) <= 100 or not text.isprintable():
        raise argparse.ArgumentTypeError("write 1 to 100 printable characters")
    return text


def _scopes(text: str) -> frozenset[Scope]:
    try:
        found = frozenset(Scope(each.strip()) for each in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("write some of read,write,admin") from None
    return found


def _days(text: str) -> float:
    return _within(text, 0.0, 36_500.0, float)


def _overlap(text: str) -> int:
    return int(_within(text, 0, MAX_OVERLAP_SECONDS, int))


def _within(text: str, low: float, high: float, convert: Callable[[str], float]) -> float:
    try:
        found = convert(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a number") from None
    if not low <= found <= high:
        raise argparse.ArgumentTypeError(f"must lie between {low:g} and {high:g}")
    return found
