"""How the connections of event streams are kept."""

from gateway.current import caller, services
from gateway.live.connection import Connection
from gateway.live.hub import Hub
from gateway.live.stream import Adopt


def adoption() -> Adopt:
    """For as long as the caller's key is valid."""
    kept, identity = services(), caller().identity

    def adopt(connection: Connection) -> Hub:
        kept.hub.adopt(connection)
        if identity:
            kept.key_watch.look_after(connection, identity.credential)
        return kept.hub

    return adopt
