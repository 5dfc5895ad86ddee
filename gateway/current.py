"""What the running request can reach: the application's services and the tenant who asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import current_app, g

from broker.broker import Broker
from broker.errors import NotFound
from broker.plugin import Plugin
from broker.secrets.links import SignedLinks
from gateway.auth import Tenant
from gateway.config import GatewaySettings
from gateway.live.hub import Hub
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


def services() -> Services:
    """The services of the running application."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def broker() -> Broker:
    """The application's broker."""
    return services().broker


def tenant_of_link(signature: str, subject: str) -> Tenant:
    """The tenant whose link opens ``subject``. Raises ``LinkExpired``, ``NotFound`` (also when it has no key now)."""
    found = services().settings.tenants.by_id(services().links.tenant_id(signature, subject))
    if found is None:
        raise NotFound()
    return found


def tenant() -> Tenant:
    """The tenant whose key the running request was sent with."""
    asking: Tenant = g.tenant
    return asking
