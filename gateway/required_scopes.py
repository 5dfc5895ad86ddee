"""What a route asks of a key: each view says it once, and here it is checked."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, current_app

from broker.access.scopes import Scope
from gateway.auth import Caller

#: Beside the scopes: a valid key, whatever it is good for; and none at all.
ANY_KEY, NO_KEY = "any key", "no key"
#: A key with the scope admin, or the token for monitoring; the view checks it.
MONITOR = "admin or METRICS_TOKEN"


def needs(what: Scope | str) -> Callable[[Any], Any]:
    """Decorator by which a view says what it needs: a scope, ``ANY_KEY``, ``NO_KEY`` or ``MONITOR``."""

    def decorate(view: Any) -> Any:
        view.needs = what
        return view

    return decorate


def needed(view: Any) -> Scope | str:
    """What the view needs. Raises ``TypeError`` for one that does not say it."""
    found: Scope | str | None = getattr(view, "needs", None)
    if found is None:
        raise TypeError(f"{view.__name__} does not say what key it needs: add @blueprint.needs(Scope.…)")
    return found


def security(view: Any) -> list[dict[str, list[str]]]:
    """The same for the API document."""
    found = needed(view)
    if isinstance(found, Scope):
        return [{"key": [found.value]}]
    if found == MONITOR:
        return [{"key": [Scope.ADMIN.value]}]
    return [] if found == NO_KEY else [{"key": []}]


def check_scope(caller: Caller, asked: Request) -> None:
    """Raises ``Forbidden`` when the key is not good for this route.

    Where there is no such path or method, that is to be said, and ``OPTIONS`` asks about all methods.
    """
    if asked.routing_exception or asked.method == "OPTIONS":
        return
    view: Any = current_app.view_functions[asked.endpoint or ""]
    found = view.needs
    if isinstance(found, Scope):
        caller.require(found)


def check_declared(app: Flask) -> None:
    """Raises ``TypeError`` when a route does not say what it needs."""
    for view in app.view_functions.values():
        needed(view)
