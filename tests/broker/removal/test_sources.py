"""A source that is not to be kept goes when its video is made, and no sooner than nothing needs it any more."""

from itertools import count
from typing import Any

import pytest

from broker.errors import PermanentError
from broker.media.records import no_source
from broker.removal.sources import Sources
from broker.removal.unfinished_tasks import Unfinished
from broker.task import NewTask
from tests.broker.removal.fragile import Fragile, Fuse, Killed
from tests.broker.removal.library import Library
from tests.gateway.work import complete, fail


def test_the_source_alone_goes_and_the_record_says_so(any_library: Library) -> None:
    library = any_library
    kept, record = library.made(), library.made(keep_source=False)
    objects = library.objects()
    library.remover().tick()
    assert objects - library.objects() == {record.source_key}
    shown = library.broker.media.get("acme", record.id)
    assert shown.source_removed_at is not None
    assert "keep_source=false" in no_source(shown).message
    assert library.broker.media.get("acme", kept.id).source_removed_at is None
    assert not library.redis.exists(library.keys.sources_due())
    library.delete(record)
    library.settle()
    assert library.traces(record) == set()


def test_before_it_is_made_and_while_a_task_needs_it_it_stays(library: Library) -> None:
    record = library.upload(keep_source=False)
    library.running()
    library.remover().tick()
    assert record.source_key in library.objects()
    record = library.made_of_running(record)
    waits = library.plugin_task(record, delay_seconds=3600.0)
    library.remover().tick()
    assert record.source_key in library.objects()
    library.broker.tasks.cancel("acme", waits)
    library.remover().tick()
    assert record.source_key in library.objects(), "looked at again after a minute"
    library.pass_time(61)
    library.remover().tick()
    assert record.source_key not in library.objects()


def test_what_a_plugin_made_of_it_is_not_what_it_was_uploaded_for(library: Library) -> None:
    record = library.upload(keep_source=False)
    fail(library.broker)
    library.plugin_done(record)
    library.remover().tick()
    assert record.source_key in library.objects()
    again = NewTask("VideoTranscoding", {"video_id": record.id})
    library.broker.tasks.submit("acme", again)
    complete(library.broker, {}, record.id, variants=[])
    library.remover().tick()
    assert record.source_key not in library.objects()


def test_killed_at_any_step_another_goes_on(library: Library) -> None:
    for step in count():
        record = library.made(keep_source=False)
        fuse = Fuse(step)
        redis: Any = Fragile(library.redis, fuse)
        storage: Any = Fragile(library.storage, fuse)
        unfinished = Unfinished(redis, library.keys)
        killed = False
        try:
            Sources(redis, library.keys, unfinished, lambda storage=storage: storage).remove_due()  # type: ignore[misc]
        except Killed:
            killed = True
            shown = library.broker.media.get("acme", record.id)
            assert shown.source_removed_at or record.source_key in library.objects(), "never gone without a word"
        library.pass_time(61)
        library.remover().tick()
        assert record.source_key not in library.objects()
        assert not library.redis.exists(library.keys.sources_due())
        if not killed:
            assert step > 8
            break


def test_no_source_says_which_it_is(library: Library) -> None:
    error = no_source(library.made())
    assert isinstance(error, PermanentError)
    assert "upload it again" in error.message


def test_a_deleted_video_has_no_source_to_remove(library: Library) -> None:
    record = library.made(keep_source=False)
    library.delete(record)
    assert not library.redis.exists(library.keys.sources_due())
    library.settle()
    assert library.objects() == set()
    with pytest.raises(AssertionError):
        library.running()
