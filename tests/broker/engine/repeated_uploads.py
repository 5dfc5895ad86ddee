"""What brings the engine to an upload that comes in pieces, and what is then sent twice; for test_repetition."""

from collections.abc import Callable
from typing import Any

from broker.engine.scripts import Script
from tests.broker.engine.engine import SECOND, Engine

KEPT_US = 60 * SECOND


def _call(engine: Engine, name: str, **values: Any) -> Any:
    return Script(name, clock="clock_test")(engine.redis, prefix=engine.keys.prefix, **values)


def create_upload(engine: Engine) -> Callable[[], Any]:
    """It has the tenant's only place, which is no reason to refuse it, and its time runs from the first."""
    values = {"upload_id": "u", "tenant": "acme", "size": 9, "kept_us": KEPT_US, "most": 1}
    return lambda: _call(engine, "create_upload", **values, bounds="0", fields=["kind", "image", "state", "{}"])


def hold_upload(engine: Engine) -> Callable[[], Any]:
    """The writer that has it gets it."""
    create_upload(engine)()
    values = {"upload_id": "u", "tenant": "acme", "writer": "w", "hold_us": SECOND, "size": 9, "again": ""}
    return lambda: _call(engine, "hold_upload", **values)[0]


def announce_upload(engine: Engine) -> Callable[[], Any]:
    """Its own bytes are not counted beside it, where twice as many would be more than the tenant may store."""
    hold_upload(engine)()
    values = {"upload_id": "u", "writer": "w", "size": 9, "deferred": "1"}
    return lambda: _call(engine, "announce_upload", **values, bounds="0 stored_bytes=10")


def save_upload(engine: Engine) -> Callable[[], Any]:
    """The second time the writer is not told that another has taken over, and the end stays where it is."""
    hold_upload(engine)()
    values = {"upload_id": "u", "writer": "w", "kept_us": KEPT_US, "complete": ""}
    return lambda: _call(engine, "save_upload", **values, fields=["offset", "4"])


def save_upload_that_is_complete(engine: Engine) -> Callable[[], Any]:
    hold_upload(engine)()
    values = {"upload_id": "u", "writer": "w", "kept_us": KEPT_US, "complete": "1"}
    return lambda: _call(engine, "save_upload", **values, fields=["offset", "9"])


def forget_upload(engine: Engine) -> Callable[[], Any]:
    create_upload(engine)()
    return lambda: _call(engine, "forget_upload", upload_id="u", tenant="acme", writer="")


def forget_upload_of_a_writer(engine: Engine) -> Callable[[], Any]:
    """The second time the writer is not told that another has taken over."""
    hold_upload(engine)()
    return lambda: _call(engine, "forget_upload", upload_id="u", tenant="acme", writer="w")


def note_source(engine: Engine) -> Callable[[], Any]:
    """Its bytes count once, also where twice as many would be more than the tenant may store."""
    engine.redis.hset(engine.keys.media("m"), mapping={"tenant": "acme", "size": 0, "fetch": "sealed"})
    values = {"media_id": "m", "tenant": "acme", "size": 9, "content_type": "image/png"}
    return lambda: _call(engine, "note_source", **values, bounds="0 stored_bytes=10")


UPLOADS: dict[str, Callable[[Engine], Callable[[], Any]]] = {
    each.__name__: each
    for each in (
        create_upload,
        hold_upload,
        announce_upload,
        save_upload,
        save_upload_that_is_complete,
        forget_upload,
        forget_upload_of_a_writer,
        note_source,
    )
}
