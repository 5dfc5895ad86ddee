"""What a tenant may have and use at most: the quotas, how they are stored, and what is said when one is reached.

`engine/lua/include/quotas.lua` decides, in the script that would accept the task or the upload.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from broker.errors import QuotaExceeded, StoredTooMuch

MINUTE, DAY = 60, 86_400
#: The word that stands for no quota, where there is one for every tenant.
_NONE = "none"
MAX_QUOTA = 10**15


class Quota(NamedTuple):
    """One quota."""

    #: For the API document.
    meaning: str
    #: What one has too many of, or has used up.
    words: str
    #: Seconds for which it counts; 0 where it is about what there is.
    window: int = 0


QUOTAS: dict[str, Quota] = {
    "requests_per_minute": Quota("Requests in a minute, which begins with its first.", "requests a minute", MINUTE),
    "uploads_per_day": Quota("Uploaded files in a day (UTC).", "uploads a day", DAY),
    "stored_bytes": Quota("Bytes of uploaded files that are kept, not of what is made of them.", "stored bytes"),
    "waiting_tasks": Quota("Tasks that wait, of all types together, due or not.", "waiting tasks"),
    "cpu_seconds_per_day": Quota("Processor seconds of runs in a day (UTC).", "processor seconds a day", DAY),
    "cpu_seconds_per_month": Quota("The same in a calendar month (UTC).", "processor seconds a month"),
    "media_seconds_per_day": Quota("Seconds of recordings that runs were about, in a day.", "media seconds a day", DAY),
    "media_seconds_per_month": Quota("The same in a calendar month.", "media seconds a month"),
}


def bounds(max_pending: int, defaults: Mapping[str, int]) -> str:
    """What scripts take of the settings: the bound of each type, and the quotas of a tenant without its own."""
    return " ".join([str(max_pending), *(f"{name}={defaults[name]}" for name in QUOTAS if defaults.get(name))])


def stored(quotas: Mapping[str, int | None]) -> str:
    """Quotas as they are stored; ``None`` is none, and one that is left out is as for every tenant."""
    return " ".join(f"{name}={_NONE if quotas[name] is None else quotas[name]}" for name in QUOTAS if name in quotas)


def read(text: str | None) -> dict[str, int | None]:
    """The reverse of ``stored``; what is no quota of ours is left out."""
    found: dict[str, int | None] = {}
    for each in (text or "").split():
        name, _, value = each.partition("=")
        if name in QUOTAS and (value == _NONE or value.isdigit()):
            found[name] = None if value == _NONE else int(value)
    return found


def refused(name: str, limit: str, used: str, again_us: str) -> QuotaExceeded:
    """What a caller is told whom a script has refused something for this quota."""
    again: dict[str, Any] = {"retry_after": int(again_us) / 1e6} if int(again_us) >= 0 else {}
    facts = {"quota": name, "limit": int(limit), "used": int(used), **again}
    words = QUOTAS[name].words
    if name == "stored_bytes":
        return StoredTooMuch(f"Your quota of {limit} {words} leaves no room: {used} are used. Delete files.", **facts)
    if name == "waiting_tasks":
        return QuotaExceeded(f"Your quota of {limit} {words} leaves no room: {used} wait. Let some start.", **facts)
    return QuotaExceeded(f"Your quota of {limit} {words} is used up ({used}); try again when the next begins.", **facts)
