"""What went wrong, in one line that says what to do, and as the status with which the program ends."""

import math
from typing import Any

DONE, FAILED, USAGE, NOT_FOUND, KEY_REFUSED, CONFLICT, NO_SERVER, OVER_LIMIT = range(8)
#: As timeout(1), and as a shell tells SIGINT and SIGPIPE.
TIMED_OUT, INTERRUPTED, READER_LEFT = 124, 130, 141

_BY_STATUS = {
    400: USAGE,
    401: KEY_REFUSED,
    403: KEY_REFUSED,
    404: NOT_FOUND,
    409: CONFLICT,
    413: USAGE,
    415: USAGE,
    422: USAGE,
    429: OVER_LIMIT,
    502: NO_SERVER,
    503: NO_SERVER,
    504: NO_SERVER,
    507: NO_SERVER,
}


class Failure(Exception):
    """``status`` is the program's; ``problem`` is the API's own document, where the API has said it."""

    def __init__(self, message: str, status: int = FAILED, code: str = "failed", problem: Any = None) -> None:
        super().__init__(message)
        self.message, self.status = message, status
        self.problem = problem or {"title": "The command failed", "detail": message, "code": code}


class Usage(Failure):
    """The command was written wrongly."""

    def __init__(self, message: str) -> None:
        super().__init__(message, USAGE, "usage")


def from_problem(problem: dict[str, Any], key_from: str) -> Failure:
    """What the API has refused. ``key_from`` tells where its key came from."""
    words = [_words(problem, key_from)]
    if problem.get("current_status") == "processing" and problem.get("code") == "not_cancellable":
        words.append("Add --force to stop it.")
    if "retry_after" in problem:
        words.append(f"Try again in {math.ceil(problem['retry_after'])} s.")
    return Failure(" ".join(words), _BY_STATUS.get(problem["status"], FAILED), problem=problem)


def _words(problem: dict[str, Any], key_from: str) -> str:
    if problem["status"] == 401:
        return f"The gateway does not know the key from {key_from}: set MINDIA_KEY to a valid one."
    errors = problem.get("errors") or []
    if len(errors) < 2:
        return str(problem.get("detail") or problem.get("title")).replace("?force=true", "--force")
    lines = [f"  {each['pointer']}: {each['detail']}" for each in errors]
    more = problem.get("errors_omitted")
    return "\n".join(["The request is refused:", *lines, *([f"  and {more} more"] if more else [])])
