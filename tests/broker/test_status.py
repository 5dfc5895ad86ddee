"""Guards that our words for states and RQ's are in one-to-one relation, and that RQ has no state we do not know."""

from rq.job import JobStatus

from broker.status import RQ_STATUS, TERMINAL, Status

#: States that none of our tasks is ever in: ours have no dependencies and no limits of RQ's own.
NEVER = {JobStatus.DEFERRED, JobStatus.STOPPED, JobStatus.CREATED, JobStatus.READY_TO_ENQUEUE, JobStatus.RATE_LIMITED}


def test_every_word_of_ours_is_one_of_rqs() -> None:
    assert {JobStatus(word) for word in RQ_STATUS.values()} == set(JobStatus) - NEVER
    assert RQ_STATUS.keys() == set(Status)


def test_ends() -> None:
    assert set(Status) - {"pending", "scheduled", "processing"} == TERMINAL


def test_what_waits_has_the_lowest_ranks() -> None:
    """The limit of what may wait is counted as one range of an index (``count_waiting`` in index.lua)."""
    assert {*list(Status)[:2]} == {Status.PENDING, Status.SCHEDULED}
