"""A batch that tests run in real worker children: ``{"act": what, "args": {...}}``, as ``tests.handlers_for_tests``."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from broker.context import TaskContext
from broker.errors import PermanentError
from tests.handlers_for_tests import effect


class Joint:
    """Alone, its tasks do what ``handlers_for_tests.act`` does."""

    def joins(self, payload: dict[str, Any]) -> bool:
        return payload["act"] not in ("hold", "burn", "work")

    def prepare(self, context: TaskContext) -> Any:
        effect(context, "prepare")
        context.log.info("prepared")
        if context.payload["args"].get("value") == "bad":
            raise PermanentError("This one is bad.")
        return context.payload

    def compute(self, prepared: list[Any]) -> list[Any]:
        for payload in prepared:
            args = payload["args"]
            if args.get("value") == "deadly":
                os.kill(os.getpid(), signal.SIGKILL)
            if args.get("value") == "spoils":
                raise RuntimeError("the common work failed")
            while (path := args.get("until")) and not Path(path).exists():
                time.sleep(0.01)
        return [len(prepared)] * len(prepared)

    def finish(self, context: TaskContext, prepared: Any, computed: Any) -> dict[str, Any]:
        context.log.info("finished")
        effect(context, "finish")
        return {"together": computed, "value": prepared["args"].get("value")}


JOINT = Joint()
