"""``mindia tenants``"""

from typing import Any
from urllib.parse import quote

import click

from scripts.cli.command import Call, command
from scripts.cli.completing import complete_type
from scripts.cli.failure import Usage
from scripts.cli.limits import given, limit_option, limit_words
from scripts.cli.words import clean, number

_NAME = click.argument("name", metavar="NAME")
#: What a cap is that is as for every tenant of the type.
_TYPES_OWN = "type"
_DEFAULT, _NONE = "default", "none"


@click.group("tenants", short_help="Show or set a tenant's weight and caps")
def tenants_command() -> None:
    """Show or set what a tenant may have beside others (scope admin)."""


@command("show", tenants_command)
@_NAME
def show_tenant(call: Call, name: str) -> None:
    """Show a tenant's weight and its own caps."""
    _tell(call, call.api.get(_path(name)))


@command("set", tenants_command)
@_NAME
@click.option("--weight", type=float, metavar="N", help="Its share of each queue; 1 is usual.")
@click.option("--type", "type_name", metavar="TYPE", shell_complete=complete_type, help="Whose caps follow.")
@limit_option("--rate", "Starts per second; none for no cap, type for that of the type.", also=(_TYPES_OWN,))
@limit_option("--burst", "Starts at once after a quiet time; or type.", also=(_TYPES_OWN,))
@limit_option("--concurrency", "Running at the same time; none for no cap, or type.", also=(_TYPES_OWN,))
@click.option(
    "--quota", "quotas", metavar="NAME=N", multiple=True, help="A quota; none for none, default for that of all."
)
@click.option("--reset", is_flag=True, help="Have it as every other tenant, but for what else is named here.")
def set_tenant(
    call: Call,
    name: str,
    weight: float | None,
    type_name: str | None,
    quotas: tuple[str, ...],
    reset: bool,
    **options: Any,
) -> None:
    """Set a tenant's weight, its own caps of a TYPE, and its quotas; what is not named stays.

    \b
    mindia tenants set acme --weight 2
    mindia tenants set acme --type VideoTranscoding --concurrency 4
    mindia tenants set acme --quota uploads_per_day=500 --quota cpu_seconds_per_month=360000
    """
    caps = given(options)
    if bool(caps) != bool(type_name):
        raise Usage("--type goes with --rate, --burst or --concurrency.")
    if weight is None and not caps and not quotas and not reset:
        raise Usage("Name what to set: --weight, --type with a cap, --quota, or --reset.")
    body = {} if reset else {each: value for each, value in call.api.get(_path(name)).items() if each != "name"}
    body |= {"weight": weight} if weight is not None else {}
    if type_name:
        all_caps = body.get("caps", {})
        body["caps"] = all_caps | {type_name: all_caps.get(type_name, {}) | caps}
    if quotas:
        body["quotas"] = _changed(body.get("quotas", {}), quotas)
    _tell(call, call.api.call("PUT", _path(name), json=body))


def _tell(call: Call, tenant: dict[str, Any]) -> None:
    if call.out.data(tenant, [tenant["name"]]):
        return
    call.out.line(click.style(clean(tenant["name"]), bold=True))
    caps = ((clean(type_name), _words(each)) for type_name, each in tenant["caps"].items())
    quotas = ((clean(each), number(limit) if limit is not None else "none") for each, limit in tenant["quotas"].items())
    call.out.fields([("weight", number(tenant["weight"])), *caps, *quotas])


def _changed(before: dict[str, int | None], quotas: tuple[str, ...]) -> dict[str, int | None]:
    """The quotas with those that are named as words. Raises ``Usage``."""
    after = dict(before)
    for each in quotas:
        name, _, value = each.partition("=")
        if value == _DEFAULT:
            after.pop(name, None)
        elif value == _NONE or value.isdigit():
            after[name] = None if value == _NONE else int(value)
        else:
            raise Usage(f"{each!r} is no quota: write NAME=NUMBER, NAME=none or NAME=default.")
    return after


def _words(caps: dict[str, Any]) -> str:
    return ", ".join(f"{name} {limit_words(name, value)}" for name, value in caps.items() if value != _TYPES_OWN)


def _path(name: str) -> str:
    return f"/api/tenants/{quote(name, safe='')}"
