"""What the running request can reach: the application's services and the tenant who asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Request, current_app, g, request

from broker.broker import Broker
from broker.plugin import Plugin
from broker.secrets.links import SignedLinks
from gateway.auth import Tenant
from gateway.config import GatewaySettings
from gateway.live.hub import Hub
from gateway.live.room import Room, waiting_room

EXTENSION = "mindia-tasks"


@dataclass(frozen=True)
class Services:
    """Everything a route may use, made by ``create_app``."""

    settings: GatewaySettings
    broker: Broker
    plugins: Mapping[str, Plugin]
    links: SignedLinks
    hub: Hub = field(default_factory=Hub)
    waiters: Room = field(default_factory=waiting_room)


def this_request() -> Request:
    """The running request itself, for whoever looks at it more than once: Flask's proxy takes longer."""
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    return asked


def services() -> Services:
    """The services of the running application."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def broker() -> Broker:
    """The application's broker."""
    return services().broker


def tenant() -> Tenant:
    """Who asks; set for every authenticated request."""
    asking: Tenant = g.tenant
    return asking
