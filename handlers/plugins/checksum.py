"""The plugin ``checksum``: the SHA-256 of a file, to compare with a copy elsewhere. Needs no account."""

import hashlib
from typing import Any

from broker.media.records import KINDS
from broker.plugin import Plugin, PluginContext

_CHUNK = 1024 * 1024


class Checksum(Plugin):
    """SHA-256 and size of a media file of any kind."""

    name = "checksum"
    description = "Computes the SHA-256 checksum and the size of a file."
    media_types = KINDS

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``{"sha256": 64 hex digits, "size": bytes}``."""
        digest, size = hashlib.sha256(), 0
        with context.open() as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                context.progress(100 * size / max(context.media.size, size), "reading")
        return {"sha256": digest.hexdigest(), "size": size}
