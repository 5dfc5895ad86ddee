"""AssemblyAI's HTTP protocol, version 2: https://www.assemblyai.com/docs/api-reference.

Four calls, with every answer that is not a success told apart by whether trying again can help. The key goes into one
header and nowhere else.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from requests import PreparedRequest, Response, Session

from broker.errors import PermanentError, TransientError
from handlers.plugin_execution.http import retry_after
from handlers.plugins import lenient_json

#: What ``find`` looks through, newest first: the most that the service lists at once, so many times at most.
_PAGE, _PAGES = 200, 50
#: 422 is how an upload says that it broke and should be repeated.
_MAY_PASS = frozenset({408, 422})
_LONGEST_MESSAGE = 300
#: What stands for the address of the audio in a transcript that was deleted.
_DELETED = "http://deleted_by_user"


class AssemblyAIClient:
    """Speaks over a plugin's ``http``. Raises ``PermanentError``, ``TransientError`` and, of these, ``RateLimited``.

    An error that is an answer of the service carries its status as ``answered``.
    """

    def __init__(self, http: Session, base_url: str, api_key: str) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key

    def upload(self, chunks: Iterator[bytes]) -> str:
        """Send a file of any length; returns the URL by which a transcript can be asked for."""
        headers = {"Content-Type": "application/octet-stream"}
        return str(self._call("POST", "/v2/upload", "upload_url", data=chunks, headers=headers)["upload_url"])

    def create(self, audio_url: str, options: dict[str, Any]) -> str:
        """Order (and pay) a transcript; returns its id."""
        return str(self._call("POST", "/v2/transcript", "id", json={"audio_url": audio_url, **options})["id"])

    def transcript(self, transcript_id: str) -> dict[str, Any]:
        """The transcript as it is now: ``status`` is ``queued``, ``processing``, ``completed`` or ``error``.

        One that somebody has deleted, of which the service keeps the shell, is ``answered`` 410.
        """
        found = self._call("GET", f"/v2/transcript/{quote(transcript_id, safe='')}", "status")
        if found.get("audio_url") == _DELETED:
            raise PermanentError("Somebody has deleted the transcript at AssemblyAI.", answered=HTTPStatus.GONE)
        return {**found, "id": transcript_id}

    def find(self, audio_url: str, since: str) -> str | None:
        """The id of the transcript that was ordered for ``audio_url``, if the account's list shows it.

        It is looked through back to the day ``since``, ``YYYY-MM-DD`` in UTC.
        """
        query: dict[str, Any] = {"limit": _PAGE}
        for _ in range(_PAGES):
            listed = self._call("GET", "/v2/transcript", "transcripts", params=query)["transcripts"]
            for each in listed:
                if each["audio_url"] == audio_url:
                    return str(each["id"])
            if len(listed) < _PAGE or str(listed[-1].get("created", since)) < since:
                break
            query["before_id"] = listed[-1]["id"]
        return None

    def _authorize(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = self._api_key
        return request

    def _call(self, method: str, path: str, expected: str, **options: Any) -> dict[str, Any]:
        """The answer's JSON object, which has the member ``expected``."""
        response = self._http.request(method, self._base_url + path, auth=self._authorize, **options)
        answer = _json(response)
        if response.status_code != 200:
            raise self._refusal(response, answer)
        if expected not in answer:
            raise TransientError("AssemblyAI gave an answer that does not follow its protocol.")
        return answer

    def _refusal(self, response: Response, answer: dict[str, Any]) -> PermanentError | TransientError:
        status = response.status_code
        if status == 401:
            return PermanentError(
                "AssemblyAI refused the API key; PUT a valid one to /api/plugins/assembly_ai/config, or check "
                "ASSEMBLY_AI_API_KEY.",
                answered=status,
            )
        said = str(answer.get("error", ""))[:_LONGEST_MESSAGE]
        message = f"AssemblyAI answered {status}: {said}" if said else f"AssemblyAI answered {status}."
        if status in _MAY_PASS or status >= 500:
            wait = retry_after(response.headers.get("Retry-After"))
            return TransientError(message, retry_after=wait, answered=status)
        return PermanentError(message, answered=status)


def _json(response: Response) -> dict[str, Any]:
    """The body as a JSON object; empty for anything else, such as a proxy's error page."""
    try:
        answer = lenient_json.parse(response.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
