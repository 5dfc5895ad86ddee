"""What the running request can reach: the application's services and the tenant who asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from flask import current_app, g

from broker import trace
from broker.actor import Actor
from broker.broker import Broker
from broker.errors import NotFound
from broker.plugin import Plugin
from broker.secrets.links import SignedLinks
from gateway.auth import Caller, Door, Tenant
from gateway.config import GatewaySettings
from gateway.live.hub import Hub
from gateway.live.key_watch import KeyWatch
from gateway.live.room import Room, waiting_room
from gateway.readiness import Readiness, StorageProbe

EXTENSION = "mindia-tasks"


@dataclass(frozen=True)
class Services:
    """Everything a route may use, made by ``create_app``."""

    settings: GatewaySettings
    broker: Broker
    plugins: Mapping[str, Plugin]
    links: SignedLinks
    storage_probe: StorageProbe
    readiness: Readiness = field(default_factory=Readiness)
    hub: Hub = field(default_factory=Hub)
    waiters: Room = field(default_factory=waiting_room)

    @cached_property
    def door(self) -> Door:
        return Door(self.settings.tenants, self.broker.api_keys)

    @cached_property
    def key_watch(self) -> KeyWatch:
        return KeyWatch(self.hub, self.broker.api_keys.valid)


def services() -> Services:
    """The services of the running application."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def broker() -> Broker:
    """The application's broker."""
    return services().broker


def tenant_of_link(signature: str, subject: str) -> Tenant:
    """The tenant whose link opens ``subject``.

    Raises ``LinkExpired``, ``NotFound`` (also when it has no key now), ``Unavailable``.
    """
    found = services().door.by_id(services().links.tenant_id(signature, subject))
    if found is None:
        raise NotFound()
    return found


def tenant() -> Tenant:
    """The tenant whose key the running request was sent with."""
    return caller().tenant


def caller() -> Caller:
    """Whose key the running request was sent with, and what it is good for."""
    asking: Caller = g.caller
    return asking


def actor() -> Actor:
    """The caller, as the audit log tells it."""
    asking, known = caller(), trace.current()
    return Actor(asking.key, asking.tenant.name, "" if known.made else known.request_id)
