"""A task that has ended can be deleted, with what it alone has made; the sums stay those of what is left."""

from typing import Any

import pytest

from broker.errors import NotEnded, NotFound, Unavailable
from broker.removal.task import TaskRemoval
from tests.broker.removal.library import Library
from tests.gateway.work import fail
from tests.invariants import check_invariants


def delete(library: Library, task_id: str, tenant: str = "acme") -> None:
    library.broker.task_removal.delete(tenant, task_id)


def test_its_record_its_places_and_its_files_go(any_library: Library) -> None:
    library = any_library
    record = library.made()
    kept_id, kept = library.plugin_done(record, "thumbnail")
    before, objects = library.state(), library.objects()
    task_id, _ = library.plugin_done(record)
    delete(library, task_id)
    after = check_invariants(library.redis, library.keys)
    assert library.objects() == objects > {kept}
    mine = {key for key, value in after.values.items() if task_id in key or task_id in str(value)}
    assert mine <= {"rq:worker:tester"}, "which tells what it ran last"
    assert after.values["rq:broker:durations:acme"] == before.values["rq:broker:durations:acme"]
    notes = library.broker.media.get("acme", record.id).info
    assert notes.keys() >= {"variants", "plugin:thumbnail"}
    assert "plugin:checksum" not in notes
    assert library.status(kept_id) == "completed"


def test_a_later_run_of_the_plugin_keeps_its_note(library: Library) -> None:
    record = library.made()
    former, former_file = library.plugin_done(record)
    later, later_file = library.plugin_done(record)
    delete(library, former)
    assert former_file not in library.objects()
    assert later_file in library.objects()
    assert library.broker.media.get("acme", record.id).info["plugin:checksum"]["task_id"] == later


def test_a_video_outlives_its_task(library: Library) -> None:
    record = library.made()
    objects = library.objects()
    delete(library, record.task_id or "")
    assert library.objects() == objects
    assert library.broker.media.get("acme", record.id).made


def test_what_has_not_ended_stays_and_so_does_what_is_anothers(library: Library) -> None:
    record = library.upload()
    for _ in range(2):
        with pytest.raises(NotEnded) as raised:
            delete(library, record.task_id or "")
        assert raised.value.extra["current_status"] in ("pending", "processing")
        if library.status(record.task_id or "") == "pending":
            library.running()
    library.broker.tasks.cancel("acme", record.task_id or "", force=True)
    with pytest.raises(NotFound):
        delete(library, record.task_id or "", "rival")
    delete(library, record.task_id or "")
    with pytest.raises(NotFound):
        delete(library, record.task_id or "")


def test_one_that_goes_in_between_is_deleted_too(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a call whose reply was lost and that was repeated, say."""
    library.upload()
    task_id = fail(library.broker)
    once = library.broker.transitions.delete_task

    def twice(*args: Any, **options: Any) -> str:
        assert once(*args, **options) == "failed"
        return once(*args, **options)

    monkeypatch.setattr(library.broker.transitions, "delete_task", twice)
    delete(library, task_id)
    check_invariants(library.redis, library.keys)


def test_without_a_storage_its_files_wait_for_the_sweep(library: Library) -> None:
    task_id, key = library.plugin_done(library.made())

    class Broken:
        def delete(self, prefix: str) -> int:
            raise Unavailable("away")

    broken: Any = Broken()
    TaskRemoval(library.broker.tasks, lambda: broken).delete("acme", task_id)
    assert key in library.objects()
    with pytest.raises(NotFound):
        library.status(task_id)
