"""What follows the front: start rates that hold until a class runs empty, tokens are used up or slots come back."""

from collections.abc import Sequence
from math import exp, inf
from typing import NamedTuple

from broker.forecast.curve import Curve
from broker.forecast.flow import Class, Crew, Limits, start_rates
from broker.forecast.tenants import TenantFlow

#: Steps in which slots that were held at the seam come back.
_STEPS = 6


class Hold(NamedTuple):
    """A slot that is taken at the seam, until then."""

    until: float
    type: int
    workers: int | None


class Addition(NamedTuple):
    """Scheduled tasks that come then."""

    at: float
    to: Class
    tenant: str
    group: str
    tasks: int


class Seam(NamedTuple):
    """How things stand where the front ends. Lists by type, in seconds and tokens."""

    at: float
    means: list[float]
    variances: list[float]
    rates: list[float]
    bursts: list[int]
    stock: list[float]
    #: Slots that each type may use, infinity for no limit; 0 while it is paused.
    concurrency: list[float]
    slots: list[float]
    crews: list[Crew]
    #: Types that share workers with a type, itself included.
    sharing: list[list[int]]
    reach: list[float]
    waiting: dict[Class, float]
    arrivals: dict[Class, float]
    tenants: dict[Class, TenantFlow]
    holds: list[Hold]
    additions: Sequence[Addition]


class Fluid:
    """Curves of all classes from a seam on."""

    def __init__(self, seam: Seam) -> None:
        self._s = seam
        self._at = seam.at
        self._stock = [level if level >= 1 else 0.0 for level in seam.stock]
        self._waiting = dict(seam.waiting)
        self._done = dict.fromkeys(self._waiting, 0.0)
        self.curves = {each: Curve() for each in self._waiting}
        self._slots, self._concurrency = list(seam.slots), list(seam.concurrency)
        self._held: list[Hold] = []
        self._take_holds()
        self._additions = sorted(seam.additions)
        most = 4 * (len(self._waiting) + len(seam.means) + len(self._additions) + 2 + _STEPS)
        most += sum(len(each.lines) for each in seam.tenants.values())
        for _ in range(most):
            if not self._step():
                break

    def _take_holds(self) -> None:
        """Runs give their slots back at their own ends. In equilibrium that is, on average, at once."""
        means, variances = self._s.means, self._s.variances
        for hold in self._s.holds:
            residual = 0.5 * (means[hold.type] + variances[hold.type] / max(1e-9, means[hold.type]))
            until = hold.until - residual
            if until > self._at:
                self._held.append(hold._replace(until=until))
                self._concurrency[hold.type] -= 1
                if hold.workers is not None:
                    self._slots[hold.workers] -= 1
        self._held.sort()
        self._stride = max(1, len(self._held) // _STEPS)

    def _step(self) -> bool:
        """One piece; False when it lasts for ever."""
        rates, short = self._rates(self._s.rates)
        if short and len(self._s.means) > 1:
            slower = self._crowded(rates, short)
            if any(a < b * 0.999 for a, b in zip(slower, self._s.rates, strict=True)):
                rates, short = self._rates(slower)
            refill = slower
        else:
            refill = self._s.rates
        total = [0.0] * len(self._s.means)
        for (i, _), rate in rates.items():
            total[i] += rate
        for each, tenants in self._s.tenants.items():
            tenants.share(rates.get(each, 0.0))
        span = self._span(rates, total)
        luck = sum(total[i] * self._s.variances[i] for i in short)
        for each, curve in self.curves.items():
            rate = rates.get(each, 0.0)
            noise = luck / max(1.0, self._s.reach[each[0]]) ** 2 if each[0] in short else 0.0
            curve.add(self._at, self._done[each], rate, noise, span)
            if each in self._s.tenants:
                self._s.tenants[each].note(self._at, noise, span)
        if span == inf:
            return False
        self._advance(rates, total, refill, span)
        return True

    def _rates(self, by_tokens: list[float]) -> tuple[dict[Class, float], set[int]]:
        s = self._s
        demands = {}
        for each, waiting in self._waiting.items():
            tenants = s.tenants.get(each)
            most = tenants.most() if tenants else inf
            demands[each] = most if waiting > 1e-9 else s.arrivals.get(each, 0.0)
        return start_rates(
            demands,
            Limits(
                s.means,
                [inf if stock > 1e-9 else rate for stock, rate in zip(self._stock, by_tokens, strict=True)],
                [slots / mean for slots, mean in zip(self._concurrency, s.means, strict=True)],
                [(crew, sum(self._slots[g] for g in crew.groups)) for crew in s.crews],
            ),
        )

    def _crowded(self, rates: dict[Class, float], short: set[int]) -> list[float]:
        """A token that finds every worker busy waits for one; what a full bucket would have been given then is lost."""
        s = self._s
        total = [0.0] * len(s.means)
        for (i, _), rate in rates.items():
            total[i] += rate
        slower = []
        for i, rate in enumerate(s.rates):
            lost, others = 0.0, s.sharing[i]
            work = sum(total[j] * s.means[j] for j in others)
            if (
                i not in short
                and short.intersection(others)
                and s.reach[i]
                and total[i] > 0
                and 0 < rate < inf
                and work
            ):
                wait = sum(total[j] * (s.means[j] ** 2 + s.variances[j]) for j in others) / (2 * work) / s.reach[i]
                lost = wait * exp(-max(0, s.bursts[i] - 1) / (rate * wait)) if wait > 0 else 0.0
            slower.append(1 / (1 / rate + lost) if lost else rate)
        return slower

    def _span(self, rates: dict[Class, float], total: list[float]) -> float:
        """Seconds until something changes."""
        s, span = self._s, inf
        for each, waiting in self._waiting.items():
            surplus = rates.get(each, 0.0) - s.arrivals.get(each, 0.0)
            if waiting > 1e-9 and surplus > 1e-12:
                span = min(span, waiting / surplus)
            if waiting > 1e-9 and (tenants := s.tenants.get(each)):
                span = min(span, tenants.span())
        for i, stock in enumerate(self._stock):
            if stock > 1e-9 and total[i] > s.rates[i] + 1e-12:
                span = min(span, stock / (total[i] - s.rates[i]))
        if self._held:
            span = min(span, max(1e-9, self._held[min(self._stride, len(self._held)) - 1].until - self._at))
        if self._additions:
            span = min(span, max(1e-9, self._additions[0].at - self._at))
        return span

    def _advance(self, rates: dict[Class, float], total: list[float], refill: list[float], span: float) -> None:
        self._at += span
        while self._held and self._held[0].until <= self._at + 1e-9:
            hold = self._held.pop(0)
            self._concurrency[hold.type] += 1
            if hold.workers is not None:
                self._slots[hold.workers] += 1
        for each, waiting in self._waiting.items():
            rate = rates.get(each, 0.0)
            self._done[each] += rate * span
            left = waiting + (self._s.arrivals.get(each, 0.0) - rate) * span
            self._waiting[each] = left if left >= 1e-7 else 0.0
            if tenants := self._s.tenants.get(each):
                tenants.advance(span)
        while self._additions and self._additions[0].at <= self._at + 1e-9:
            addition = self._additions.pop(0)
            self._waiting[addition.to] += addition.tasks
            if addition.to in self._s.tenants:
                self._s.tenants[addition.to].add(addition.tenant, addition.group, addition.tasks)
        for i, stock in enumerate(self._stock):
            grown = stock + (refill[i] - total[i]) * span if refill[i] < inf else stock
            self._stock[i] = min(self._s.bursts[i], max(0.0, grown))
