"""gunicorn's log, written as all other processes write theirs."""

import logging
import os
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from broker.log import set_up_logging


class Logger(GunicornLogger):
    """``logger_class``: what gunicorn says goes through the root logger, where it is escaped and made JSON."""

    def setup(self, cfg: Any) -> None:
        """After gunicorn's own; its handlers for the standard streams are left out."""
        super().setup(cfg)
        set_up_logging(os.environ)
        for log in (self.error_log, self.access_log):
            for handler in list(log.handlers):
                if type(handler) is logging.StreamHandler:
                    log.removeHandler(handler)
                    log.propagate = True
