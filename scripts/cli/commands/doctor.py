"""``mindia doctor``"""

from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import click

from scripts.cli.command import Call, command
from scripts.cli.failure import DONE, FAILED, KEY_REFUSED, Failure
from scripts.cli.words import clean, duration

#: Seconds by which two clocks may differ before ages look strange.
_SKEW = 5.0


class _Findings:
    """What was found, said as it is found."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.status = DONE
        self.document: dict[str, Any] = {"findings": []}

    def good(self, text: str) -> None:
        self._say(click.style("✓", fg="green"), text)

    def bad(self, text: str, status: int = FAILED) -> None:
        self.status = self.status or status
        self.document["findings"].append(text)
        self._say(click.style("!", fg="red", bold=True), text)

    def _say(self, mark: str, text: str) -> None:
        if not (self._call.out.as_json or self._call.out.quiet):
            self._call.out.line(f"{mark} {clean(text)}")


@command("doctor", short_help="Say what stands in the way")
def doctor_command(call: Call) -> None:
    """Say what stands in the way: the gateway, the key, workers, the daemon, queues.

    The exit status is 0 when nothing does. More is known where Redis can be reached: `python -m broker doctor`.
    """
    access, found = call.api.access, _Findings(call)
    found.document |= {"url": access.url}
    _check_clock(call, found)
    found.good(f"{access.url} answers (from {access.url_from})")
    warnings = _check_ready(call, found)
    if _check_key(call, found):
        warnings += _check_queues(call, found)
    for warning in dict.fromkeys(warnings):
        found.bad(warning)
    if call.out.as_json:
        call.out.data(found.document)
    raise click.exceptions.Exit(found.status)


def _check_clock(call: Call, found: _Findings) -> None:
    """Raises ``Failure`` when nothing answers."""
    date = call.api.send("GET", "/livez").headers.get("Date")
    skew = time() - parsedate_to_datetime(date).timestamp() if date else 0.0
    if abs(skew) > _SKEW:
        found.bad(
            f"This machine's clock is {duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the gateway's."
        )


def _check_ready(call: Call, found: _Findings) -> list[str]:
    try:
        ready = call.api.get("/readyz")
    except Failure as failure:
        found.bad(f"Not ready: {failure.message}", failure.status)
        return []
    found.document["ready"] = ready
    found.good("It is ready: Redis takes tasks, and media can be stored")
    return list(ready["warnings"])


def _check_key(call: Call, found: _Findings) -> bool:
    """Whether it is the operator's, who may see the rest."""
    try:
        me = call.api.get("/api/me")
    except Failure as failure:
        found.bad(failure.message, failure.status)
        return False
    found.document["me"] = me
    found.good(f"The key from {call.api.access.key_from} is {me['tenant']}'s, for {', '.join(me['scopes'])}")
    return bool(me["operator"])


def _check_queues(call: Call, found: _Findings) -> list[str]:
    try:
        answer = call.api.get("/api/queues")
    except Failure as failure:
        if failure.status != KEY_REFUSED:
            found.bad(failure.message, failure.status)
        return []
    found.document["queues"] = answer["queues"]
    for queue in answer["queues"]:
        if queue["paused"]:
            found.bad(f"{queue['type']} is paused, {queue['depth']} wait: mindia resume {queue['type']}")
        else:
            found.good(f"{queue['type']}: {queue['depth']} waiting, {queue['processing']} running")
    return list(answer["warnings"])
