"""An upload that comes in pieces, and the fields of its hash in Redis."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.clock import to_rfc3339
from broker.media import paths
from broker.media.resumable import State


@dataclass(frozen=True, slots=True)
class Upload:
    """What is known of it. Its id is that of the media file which it becomes."""

    id: str
    tenant: str
    #: As of a media file: ``video``, ``image``, ``audio`` or ``document``.
    kind: str
    #: Bytes that it will have; as long as its length is ``deferred``, those that it will have at least.
    size: int
    #: What the client has told of it, as it was sent, and what that asks for, as JSON values.
    metadata: str
    asked: dict[str, Any]
    #: Bytes that are there.
    offset: int = 0
    #: Its first bytes, as far as they are needed to see what it is, and what that has shown.
    head: bytes = b""
    content_type: str = ""
    created_at: str = ""
    #: When it is given up, or, complete, forgotten; later with each piece.
    expires_at: str = ""
    #: Whether it has become a media file.
    complete: bool = False
    #: Whether its length is still to be told.
    deferred: bool = False
    #: How many of its writers were taken for dead since one has saved something, and the bytes that they brought.
    lost_writers: int = 0
    lost_bytes: int = 0
    #: What the storage needs to go on.
    state: State = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Where its bytes lie once all are there."""
        return paths.source(self.tenant, self.id)


def first_fields(upload: Upload) -> dict[str, str]:
    """Of the hash, those that do not change and are not the script's own."""
    return {
        "kind": upload.kind,
        "metadata": upload.metadata,
        "asked": json.dumps(upload.asked),
        "deferred": "1" if upload.deferred else "",
        "state": json.dumps(upload.state),
    }


def changed_fields(upload: Upload) -> dict[str, str]:
    """Those that a piece changes."""
    return {
        "offset": str(upload.offset),
        "head": b64encode(upload.head).decode(),
        "content_type": upload.content_type,
        "state": json.dumps(upload.state),
    }


def from_fields(fields: Mapping[str, str]) -> Upload:
    """The reverse."""
    return Upload(
        id=fields["id"],
        tenant=fields["tenant"],
        kind=fields["kind"],
        size=int(fields["size"]),
        metadata=fields["metadata"],
        asked=json.loads(fields["asked"]),
        offset=int(fields["offset"]),
        head=b64decode(fields.get("head", "")),
        content_type=fields.get("content_type", ""),
        created_at=fields["created_at"],
        expires_at=to_rfc3339(int(fields["ends_us"])),
        complete=fields.get("complete") == "1",
        deferred=fields.get("deferred") == "1",
        lost_writers=int(fields.get("lost_writers", 0)),
        lost_bytes=int(fields.get("lost_bytes", 0)),
        state=json.loads(fields.get("state", "{}")),
    )
