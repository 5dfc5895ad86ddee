"""One attempt: sign, post, and judge the answer."""

import json
import random
from collections.abc import Callable
from http import HTTPStatus

from broker.clock import Clock
from broker.errors import TaskBrokerError
from broker.outbound.guard import Answer, guarded_post
from broker.outbound.retry_after import parse_retry_after
from broker.trace import NONE, Trace
from broker.webhooks import retries
from broker.webhooks.delivery import Attempt, Outcome
from broker.webhooks.events import TEST
from broker.webhooks.signing import SigningSecrets, signed_headers

#: Seconds for one attempt; the specification suggests 15 to 30.
_TIMEOUT = 15.0
#: Nobody reads the answer's body, but to let a receiver finish its sentence is polite.
_MAX_ANSWER = 64 * 1024
_ERROR_LENGTH = 200

Post = Callable[..., Answer]


class Sender:
    """Sends what it is given, once. Its time-outs bound how long that takes."""

    def __init__(
        self,
        secret_key: str,
        *,
        allow_private: bool = False,
        post: Post = guarded_post,
        clock: Clock | None = None,
        luck: random.Random | None = None,
    ) -> None:
        """``secret_key`` as in the environment, with older keys after commas."""
        self._secrets = SigningSecrets(secret_key)
        self._allow_private = allow_private
        self._post = post
        self._clock = clock or Clock()
        self._luck = luck or random.Random()

    def send(self, attempt: Attempt) -> Outcome:
        """How the attempt ended; never raises."""
        began = self._clock.monotonic()
        try:
            answer = self._call(attempt)
        except Exception as error:  # whatever a receiver brings about, its event is tried again and the others go on
            told = error.message if isinstance(error, TaskBrokerError) else type(error).__name__
            return self._failed(attempt, None, told, None, self._clock.monotonic() - began)
        took = self._clock.monotonic() - began
        if 200 <= answer.status < 300:
            return Outcome("delivered", answer.status, "", took)
        if answer.status == HTTPStatus.GONE:
            return Outcome("gone", answer.status, "It answered 410 Gone.", took)
        asked = parse_retry_after(answer.headers.get("Retry-After"), attempt.us / 1e6, retries.LONGEST_ASKED)
        return self._failed(attempt, answer.status, f"It answered {answer.status}.", asked, took)

    def _call(self, attempt: Attempt) -> Answer:
        body = attempt.body.encode()
        stored = [attempt.secret] + ([attempt.old_secret] if attempt.old_secret else [])
        keys = [self._secrets.open(attempt.endpoint, each) for each in stored]
        headers = signed_headers(attempt.event, attempt.us // 1_000_000, body, keys)
        return self._post(
            attempt.url,
            body,
            {
                "Content-Type": "application/json",
                "User-Agent": "mindia-tasks-webhooks/1",
                **_trace(attempt.body).next_hop().headers(),
                **headers,
            },
            allow_private=self._allow_private,
            timeout=_TIMEOUT,
            max_bytes=_MAX_ANSWER,
        )

    def _failed(self, attempt: Attempt, status: int | None, error: str, asked: float | None, took: float) -> Outcome:
        retry_in = None if attempt.type == TEST else retries.delay(attempt.event_failures + 1, asked, self._luck)
        cooldown = retries.cooldown(status, attempt.endpoint_failures, asked)
        return Outcome("failed", status, error[:_ERROR_LENGTH], took, retry_in, cooldown)


def _trace(body: str) -> Trace:
    """Of the request that submitted the task of which an event tells."""
    if '"trace":{' not in body:
        return NONE
    data = json.loads(body)["data"]
    told = data.get("trace") if isinstance(data, dict) else None
    if not told:
        return NONE
    return Trace(told["request_id"] or "", told["traceparent"] or "", told["tracestate"] or "")
