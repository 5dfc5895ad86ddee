"""Guards that no request waits while the garbage collector goes through the whole application."""

import gc

from scripts import web_server


def test_workers_pass_over_what_was_there_before_they_were_forked() -> None:
    gc.unfreeze()  # what the tests themselves have settled
    assert not gc.get_freeze_count()
    web_server.when_ready(None)
    assert gc.get_freeze_count() > 10_000
