"""How a view is documented."""

from collections.abc import Callable
from typing import Any


def only_documenting(decorator: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A decorator of flask-smorest that documents a view, without the wrapper that it puts around it: 16 us, 6 %.

    There are five such decorators on the view, and each wrapper asks the application whether the view is ``async``.
    """

    def decorate(view: Any) -> Any:
        view._apidoc = decorator(view)._apidoc
        return view

    return decorate
