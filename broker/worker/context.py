"""Where ``broker.context`` was; handlers that import it from here go on working."""

from broker.context import Handler as Handler
from broker.context import TaskContext as TaskContext
