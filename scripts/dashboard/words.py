"""What RQ's records do not tell of our tasks, put into the data of the pages: what each is about, and what it made."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, request

from broker.engine.connection import connect
from broker.engine.keys import Keys
from broker.errors import Unavailable
from broker.tasks.descriptions import Descriptions
from scripts.dashboard.settings import DashboardSettings


def teller(settings: DashboardSettings) -> Callable[[Response], Response]:
    """A function for ``after_request``."""
    descriptions = Descriptions(connect(settings.redis_url), Keys(settings.key_prefix))

    def tell(response: Response) -> Response:
        find = _JOBS.get(request.endpoint or "")
        if find is None or not response.is_json:
            return response
        data = response.get_json()
        try:
            _describe(descriptions, dict(find(data)))
            if request.endpoint == _ONE_JOB and data["result"] is None:
                data["result"] = descriptions.result(data["id"])
        except Unavailable:  # what RQ has told is shown all the same
            return response
        response.set_data(json.dumps(data))
        return response

    return tell


def _describe(descriptions: Descriptions, jobs: dict[str, dict[str, Any]]) -> None:
    for job_id, line in descriptions.about(list(jobs)).items():
        jobs[job_id]["description"] = line


def _one(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield data["id"], data


def _listed(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for job in data["jobs"]:
        yield job["id"], job


def _running(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for worker in data["workers"]:
        if isinstance(worker["current_job"], dict):  # or it says that it is idle
            yield worker["current_job"]["job_id"], worker["current_job"]


_ONE_JOB = "rq_dashboard.job_info"
#: Where the answers have jobs, each with its id.
_JOBS = {_ONE_JOB: _one, "rq_dashboard.list_jobs": _listed, "rq_dashboard.list_workers": _running}
