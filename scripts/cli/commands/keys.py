"""``mindia keys``"""

from typing import Any
from urllib.parse import quote

import click

from scripts.cli.command import Call, command
from scripts.cli.table import Column
from scripts.cli.words import ago, clean, clock, from_now, seconds_in

_SCOPES = ("read", "write", "admin")
_COLUMNS = [
    Column("ID"),
    Column("TENANT"),
    Column("SCOPES"),
    Column("LAST USED", right=True),
    Column("EXPIRES"),
    Column("NAME"),
]
_ID = click.argument("key_id", metavar="ID")


@click.group("keys", short_help="Make, list, rotate and revoke API keys")
def keys_command() -> None:
    """Make, list, rotate and revoke API keys. Those of the variable API_KEYS are not among them."""


@command("list", keys_command)
@click.option("--tenant", metavar="NAME", help="Only those of this tenant.")
@click.option("--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="How many at most.")
def list_keys(call: Call, tenant: str | None, limit: int) -> None:
    """List keys, newest first."""
    answer = call.api.get("/api/keys", tenant=tenant, limit=limit)
    keys = answer["keys"]
    if call.out.data(answer, (key["id"] for key in keys)):
        return
    if not keys:
        call.out.note("No key yet: mindia keys create NAME")
        return
    call.out.table(_COLUMNS, map(_row, keys))
    if answer["total"] > len(keys):
        call.out.note(f"{answer['total'] - len(keys)} more: --limit")


def _row(key: dict[str, Any]) -> tuple[str, ...]:
    used = f"{ago(key['last_used_at'])} ago" if key["last_used_at"] else "never"
    ends = "expired" if key["expired"] else clock(key["expires_at"]) if key["expires_at"] else "never"
    return key["id"], clean(key["tenant"]), ",".join(key["scopes"]), used, ends, clean(key["name"])


@command("create", keys_command)
@click.argument("name", metavar="NAME")
@click.option("--scope", "scopes", type=click.Choice(_SCOPES), multiple=True, help="read and write if left out.")
@click.option("--tenant", metavar="NAME", help="Whose it is, if not yours; its first key makes a tenant.")
@click.option("--expires", metavar="SPAN", help="It ends after so long: 12h, 90d; never if left out.")
def create_key(call: Call, name: str, scopes: tuple[str, ...], tenant: str | None, expires: str | None) -> None:
    """Make a key, NAMEd after what it is for. It is shown this once, alone on stdout."""
    body = {"name": name, "scopes": list(scopes or _SCOPES[:2])}
    body |= {"tenant": tenant} if tenant else {}
    body |= {"expires_at": from_now(seconds_in(expires))} if expires else {}
    key = call.api.post("/api/keys", body)
    if call.out.data(key, [key["id"]]):
        return
    call.out.note(f"{key['id']} is a key of {clean(key['tenant'])} for {', '.join(key['scopes'])}; shown this once:")
    call.out.line(key["key"])


@command("rotate", keys_command)
@_ID
@click.option("--overlap", metavar="SPAN", default="1d", show_default=True, help="The former secret is valid as well.")
def rotate_key(call: Call, key_id: str, overlap: str) -> None:
    """Give a key a new secret, which is shown this once, alone on stdout."""
    answer = call.api.post(f"{_path(key_id)}/rotate", {"overlap_seconds": int(seconds_in(overlap))})
    if call.out.data(answer, [key_id]):
        return
    call.out.note(f"The former one is valid until {clock(answer['former_until'])}; the new one is shown this once:")
    call.out.line(answer["key"])


@command("revoke", keys_command)
@_ID
def revoke_key(call: Call, key_id: str) -> None:
    """End a key, on every gateway at once."""
    call.api.call("DELETE", _path(key_id))
    if not call.out.data(None, [key_id]):
        call.out.line(f"{key_id}  revoked")


def _path(key_id: str) -> str:
    return f"/api/keys/{quote(key_id, safe='')}"
