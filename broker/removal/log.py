"""One line for each deletion: what, of which tenant, and on whose word."""

import logging
import time
from typing import Any

from broker.log import tell_events

_log = logging.getLogger("removal")


def tell(what: str, *, media: str, tenant: str, by: str, **more: Any) -> None:
    """``by`` is who asked for it, as the audit log tells it, or the rule: ``expiry``, ``keep_source``, ``orphan``."""
    tell_events(_log, logging.INFO, [(time.time(), what, {"media": media, "tenant": tenant, "by": by, **more})])
