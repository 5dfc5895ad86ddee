"""Operations on the clock that the test turns, of which who asks for them does one step."""

import itertools

from broker.engine.scripts import Script
from broker.errors import Unavailable
from broker.media.storage import Storage
from broker.operations.operations import Operations
from tests.broker.engine.engine import Engine


def _no_storage() -> Storage:
    raise Unavailable("nobody needs it")


def operations_of(engine: Engine) -> Operations:
    """Each look at the clock is a second later."""
    made = Operations(engine.redis, engine.store, _no_storage, clock=itertools.count().__next__)
    made._create = Script("create_operation", clock="clock_test")
    made._cancel = Script("cancel_operation", clock="clock_test")
    return made
