"""Ordering one transcript at AssemblyAI, paid once whatever becomes of a run, of an answer, or of the key.

That an order begins is remembered before it is made. One whose answer never came may have been made all the same, and
the service's list of transcripts shows it after a while only: it is looked through for some minutes before the next
order. Somebody may change the key in between: what belongs to another account is left behind.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from broker.errors import PermanentError, Postpone, RateLimited, TransientError
from broker.plugin import PluginContext
from handlers.plugins.assembly_ai_client import AssemblyAIClient

_CHUNK = 1024 * 1024
#: Seconds in which the service may not know yet what it has just taken; it takes seconds.
SETTLING = 600.0
#: Between two looks for a transcript that may have been ordered: so much of the time since then, within seconds.
_PART, _SOONEST, _LATEST = 0.5, 10.0, 120.0
_ACCOUNT, _UPLOAD_URL, _ORDERING_AT = "account", "upload_url", "ordering_at"
_ORDERED_AT, _TRANSCRIPT_ID = "ordered_at", "transcript_id"
#: The service's answer to an order says that none was made.
_REFUSALS = range(400, 500)


class Order:
    """The order of one task, as its runs remember it. Raises what the client raises, and ``Postpone``."""

    def __init__(self, client: AssemblyAIClient, context: PluginContext, now: Callable[[], float]) -> None:
        self._client = client
        self._context = context
        self._now = now
        config = context.config
        key = f"{context.task_id} {config['base_url']} {config['api_key']}"
        self._account = hashlib.sha256(key.encode()).hexdigest()[:16]

    @property
    def transcript_id(self) -> str | None:
        """Of the transcript that was ordered."""
        found: str | None = self._context.recall(_TRANSCRIPT_ID)
        return found

    @property
    def age(self) -> float:
        """Seconds since the transcript was ordered."""
        return self._now() - (self._context.recall(_ORDERED_AT) or self._now())

    def belongs_to_this_account(self) -> None:
        """The service has answered this key as the one that ordered, or uploaded."""
        if self._context.recall(_ACCOUNT) != self._account:
            self._context.remember(_ACCOUNT, self._account)

    def restart_age(self) -> None:
        """The transcript is waited for as long again."""
        self._context.remember(_ORDERED_AT, self._now())

    @property
    def of_another_account(self) -> bool:
        """Whether the key has changed since the order, or the upload."""
        return self._context.recall(_ACCOUNT) not in (None, self._account)

    def forget(self) -> None:
        """The next run uploads and orders anew."""
        for key in (_TRANSCRIPT_ID, _UPLOAD_URL, _ORDERING_AT, _ACCOUNT):
            self._context.remember(key, None)

    def place(self) -> None:
        """Uploads and orders, unless an earlier run did; remembers the transcript's id."""
        audio_url = self._context.recall(_UPLOAD_URL)
        transcript_id = self._look_for(audio_url) if audio_url else None
        if not transcript_id:
            if not audio_url or self.of_another_account:
                audio_url = self._upload()
            transcript_id = self._create(audio_url)
        self.belongs_to_this_account()
        self._context.remember(_ORDERED_AT, self._now())
        self._context.remember(_TRANSCRIPT_ID, transcript_id)

    def _look_for(self, audio_url: str) -> str | None:
        """The id of what an earlier run may have ordered; ``None`` once it is sure that there is nothing."""
        began = self._context.recall(_ORDERING_AT)
        since = datetime.fromtimestamp(began or self._now(), UTC) - timedelta(days=1)
        found = self._client.find(audio_url, f"{since:%Y-%m-%d}")
        waited = self._now() - began if began else SETTLING
        if not found and waited < SETTLING:
            raise Postpone(min(_LATEST, max(_SOONEST, waited * _PART)))
        return found

    def _upload(self) -> str:
        with self._context.open() as file:
            audio_url = self._client.upload(self._chunks(file))
        self._context.remember(_UPLOAD_URL, audio_url)
        self.belongs_to_this_account()
        return audio_url

    def _chunks(self, file: BinaryIO) -> Iterator[bytes]:
        """The file in pieces; the upload is the first half of the way."""
        sent = 0
        while chunk := file.read(_CHUNK):
            yield chunk
            sent += len(chunk)
            self._context.progress(50 * sent / max(self._context.media.size, sent), "uploading")

    def _create(self, audio_url: str) -> str:
        language = self._context.config.get("language_code")
        options = {
            "speech_models": self._context.config["speech_models"].split(","),
            **({"language_code": language} if language else {"language_detection": True}),
        }
        self._context.remember(_ORDERING_AT, self._now())
        try:
            return self._client.create(audio_url, options)
        except PermanentError:
            self.forget()  # A retry by hand, with another key for one, needs an upload of its own.
            raise
        except TransientError as error:
            if isinstance(error, RateLimited) or error.extra.get("answered") in _REFUSALS:
                self._context.remember(_ORDERING_AT, None)
            raise
