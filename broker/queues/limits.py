"""The limits of a queue as the scripts take them: rates in starts per 1,000 seconds, '' for no limit, 'keep'."""

from typing import Any, Final

from broker.errors import InvalidInput
from broker.task_type import MAX_BURST, MAX_CONCURRENCY, MAX_RATE, TaskTypes

#: A week.
MAX_AGING = 604_800


class _Keep:
    def __repr__(self) -> str:
        return "KEEP"


#: Leaves a setting as it is.
KEEP: Final = _Keep()


def declarations(types: TaskTypes) -> str:
    """The types with the defaults of their queues, as declare.lua takes them."""
    return " ".join(
        f"{each.name}={rate_argument(each.rate)}/{burst_argument(each.burst)}/{concurrency_argument(each.concurrency)}"
        for each in types.values()
    )


def rate_argument(rate: float | _Keep | None, name: str = "rate") -> str:
    """Starts per second as the scripts take them. At least 0.001, in steps of 0.001."""
    if isinstance(rate, _Keep):
        return "keep"
    if rate is None:
        return ""
    milli = round(rate * 1000)
    if not 1 <= milli <= MAX_RATE * 1000 or abs(milli - rate * 1000) > 1e-6:
        raise _invalid(name, f"must lie between 0.001 and {MAX_RATE:g}, with at most three decimals")
    return str(milli)


def burst_argument(burst: int | _Keep, name: str = "burst") -> str:
    """Starts that an idle queue may make at once."""
    return "keep" if isinstance(burst, _Keep) else _count(name, burst, MAX_BURST)


def concurrency_argument(concurrency: int | _Keep | None, name: str = "concurrency") -> str:
    """Runs at the same time; ``None`` for no limit."""
    if isinstance(concurrency, _Keep):
        return "keep"
    return "" if concurrency is None else _count(name, concurrency, MAX_CONCURRENCY)


def caps_argument(
    *,
    tenant_rate: float | _Keep | None = KEEP,
    tenant_burst: int | _Keep = KEEP,
    tenant_concurrency: int | _Keep | None = KEEP,
    group_concurrency: int | _Keep | None = KEEP,
    aging_seconds: int | _Keep | None = KEEP,
) -> str:
    """The caps of each tenant and group, and the seconds after which a waiting task rises a level (``None``: never)."""
    words = (
        rate_argument(tenant_rate, "tenant_rate"),
        burst_argument(tenant_burst, "tenant_burst"),
        concurrency_argument(tenant_concurrency, "tenant_concurrency"),
        concurrency_argument(group_concurrency, "group_concurrency"),
        "keep" if isinstance(aging_seconds, _Keep) else "",
    )
    if not (aging_seconds is None or isinstance(aging_seconds, _Keep)):
        words = (*words[:-1], _count("aging_seconds", aging_seconds, MAX_AGING))
    return "/".join(words)


def paused_argument(paused: bool | _Keep) -> str:
    """Whether the queue holds its tasks back."""
    return "keep" if isinstance(paused, _Keep) else str(int(paused))


def _count(name: str, value: int, high: int) -> str:
    if not 1 <= value <= high:
        raise _invalid(name, f"must lie between 1 and {high}")
    return str(value)


def _invalid(name: str, detail: str) -> InvalidInput:
    errors: list[dict[str, Any]] = [{"pointer": f"/{name}", "detail": detail}]
    return InvalidInput(errors=errors)
