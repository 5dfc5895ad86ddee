"""Guards that quotas and budgets refuse exactly what would exceed them, and the ledger adds what it is told once."""

from typing import Any

import pytest

from broker.engine.scripts import Script
from tests.broker.engine.engine import SECOND, Engine

DAY = 86_400
CPU = "{} 0 0 0 0 0 0 0 0"


def use(engine: Engine, used: str, tenant: str = "acme") -> None:
    """A task of the tenant's that has used this."""
    engine.submit(tenant=tenant)
    assert engine.finish(engine.start(), used=used)[0] == "completed"


def row(engine: Engine, day: str = "2023-11-14", tenant: str = "acme") -> str | None:
    return engine.redis.hget(engine.keys.usage(tenant, day), "Noop")


def refusal(answer: Any) -> tuple[Any, ...] | None:
    """(quota, limit, used, microseconds) of what was refused by one."""
    return tuple(answer[1:]) if isinstance(answer, list) and answer[0] == -4 else None


def submit(engine: Engine, bounds: str, **more: Any) -> Any:
    """The store's own answer."""
    engine._ids += 1
    options = more.pop("options", "Noop Noop 3 60 0 0 0 0 ")
    media = more.pop("media", ())
    return engine.store.submit(f"task-{engine._ids}", more.pop("tenant", "acme"), "{}", options, bounds, media)


class TestWaiting:
    def test_no_more_wait_than_may_due_or_not_of_all_types(self, engine: Engine) -> None:
        engine.declare("Other")
        bounds = "0 waiting_tasks=3"
        assert refusal(submit(engine, bounds)) is None
        assert refusal(submit(engine, bounds, options="Noop Noop 3 60 0 60000000 0 0 ")) is None
        assert refusal(submit(engine, bounds, options="Other Other 3 60 0 0 0 0 ")) is None
        before = engine.state()
        assert refusal(submit(engine, bounds)) == ("waiting_tasks", "3", "3", "-1")
        assert engine.state() == before
        assert refusal(submit(engine, bounds, tenant="rival")) is None
        engine.start()
        assert refusal(submit(engine, bounds)) is None

    def test_a_batch_is_refused_as_a_whole(self, engine: Engine) -> None:
        refused = "waiting_tasks", "1", "0", "-1"
        assert refusal(engine.try_submit_many({}, {}, max_pending="0 waiting_tasks=1")) == refused
        assert engine.waiting() == []
        linked = engine.try_submit_linked({"flow": "f"}, {"flow": "f"}, max_pending="0 waiting_tasks=1")
        assert refusal(linked) == refused

    def test_a_repeat_finds_its_task_however_many_wait(self, engine: Engine) -> None:
        assert refusal(submit(engine, "0 waiting_tasks=1")) is None
        engine._ids -= 1
        assert submit(engine, "0 waiting_tasks=1")[0] == 0

    def test_what_is_set_for_a_tenant_goes_before_what_holds_for_all(self, engine: Engine) -> None:
        engine.store.set_tenant("acme", "keep", [], "waiting_tasks=none")
        engine.store.set_tenant("rival", "keep", [], "waiting_tasks=1")
        for _ in range(3):
            assert refusal(submit(engine, "0 waiting_tasks=2")) is None
        assert refusal(submit(engine, "0 waiting_tasks=2", tenant="rival")) is None
        assert refusal(submit(engine, "0 waiting_tasks=2", tenant="rival")) == ("waiting_tasks", "1", "1", "-1")
        engine.store.set_tenant("rival", "keep", [], "")
        assert refusal(submit(engine, "0 waiting_tasks=2", tenant="rival")) is None


class TestBudgets:
    def test_what_is_used_up_refuses_until_the_next_day(self, engine: Engine) -> None:
        bounds = "0 cpu_seconds_per_day=2"
        use(engine, CPU.format(1_999_999))
        assert refusal(submit(engine, bounds)) is None
        use(engine, CPU.format(1))
        left = DAY * SECOND - engine.now % (DAY * SECOND)
        assert refusal(submit(engine, bounds)) == ("cpu_seconds_per_day", "2", "2", str(left))
        assert refusal(submit(engine, bounds, tenant="rival")) is None
        engine.advance(left / SECOND)
        assert refusal(submit(engine, bounds)) is None

    def test_what_runs_and_waits_goes_on(self, engine: Engine) -> None:
        use(engine, CPU.format(9_000_000))
        submit(engine, "0")
        submit(engine, "0")
        run = engine.start()
        assert refusal(submit(engine, "0 cpu_seconds_per_day=1"))
        assert engine.finish(run, then=engine.by())[1].id

    def test_a_month_is_the_sum_of_its_days(self, engine: Engine) -> None:
        bounds = "0 media_seconds_per_month=100"
        use(engine, "0 0 60000 0 0 0 0 0 0")
        engine.advance(DAY)
        assert refusal(submit(engine, bounds)) is None
        use(engine, "0 0 40000 0 0 0 0 0 0")
        name, limit, used, again = refusal(submit(engine, bounds)) or ("",) * 4
        assert (name, limit, used) == ("media_seconds_per_month", "100", "100")
        engine.advance(int(again) / SECOND - 1)
        assert refusal(submit(engine, bounds))
        engine.advance(1)  # it is December
        assert refusal(submit(engine, bounds)) is None


class TestUploads:
    def upload(self, engine: Engine, number: int, size: int, bounds: str) -> Any:
        return submit(engine, bounds, media=[f"m{number}", "image", "0", "id", f"m{number}", "size", str(size)])

    def test_no_more_bytes_are_stored_than_may_and_what_goes_makes_room(self, engine: Engine) -> None:
        bounds = "0 stored_bytes=100"
        assert refusal(self.upload(engine, 1, 60, bounds)) is None
        assert refusal(self.upload(engine, 2, 41, bounds)) == ("stored_bytes", "100", "60", "-1")
        assert refusal(self.upload(engine, 3, 40, bounds)) is None
        engine.redis.hset(engine.keys.media("m1"), mapping={"tenant": "acme", "kind": "image"})
        assert engine.store.delete_media("m1", "acme", "image")
        assert engine.store.delete_media("m1", "acme", "image")
        assert engine.redis.hgetall(engine.keys.stored()) == {"acme": "40"}
        assert refusal(self.upload(engine, 4, 60, bounds)) is None

    def test_a_file_that_comes_again_after_its_source_went_is_stored_again(self, engine: Engine) -> None:
        """Under the id of its request, of which the task is deleted and the record is not."""
        key = engine.keys.media("m1")
        self.upload(engine, 1, 60, "0")
        engine.redis.hset(key, mapping={"tenant": "acme", "kind": "image"})
        Script("remove_source", clock="clock_test")(engine.redis, prefix=engine.keys.prefix, media_id="m1")
        assert engine.redis.hgetall(engine.keys.stored()) == {}
        self.upload(engine, 1, 60, "0")
        assert engine.redis.hgetall(engine.keys.stored()) == {"acme": "60"}
        assert not engine.redis.hexists(key, "source_removed_at")
        assert engine.store.delete_media("m1", "acme", "image")
        assert engine.redis.hgetall(engine.keys.stored()) == {}

    def test_no_more_files_come_in_a_day_than_may(self, engine: Engine) -> None:
        assert refusal(self.upload(engine, 1, 5, "0 uploads_per_day=1")) is None
        name, *_ = refusal(self.upload(engine, 2, 5, "0 uploads_per_day=1")) or ("",)
        assert name == "uploads_per_day"
        engine.advance(DAY)
        assert refusal(self.upload(engine, 2, 5, "0 uploads_per_day=1")) is None
        assert engine.redis.hgetall(engine.keys.usage("acme", "2023-11-15")) == {"=uploads": "1", "=uploaded": "5"}


class TestLedger:
    def test_sums_and_peaks(self, engine: Engine) -> None:
        use(engine, "1 2 3 4 5 60 0 0 0")
        use(engine, "10 20 30 40 50 6 7 8 9")
        assert row(engine) == "9 19 31 33 44 55 60"

    @pytest.mark.parametrize("end", ["fail", "retry", "postpone"])
    def test_whatever_ends_a_run_adds_to_task_and_ledger(self, engine: Engine, end: str) -> None:
        engine.submit()
        run, then, used = engine.start(), engine.no_more(), "1 2 3 4 5 6 0 0 0"
        if end == "postpone":
            engine.store.postpone(run.id, run.execution, 0, then, used)
        else:
            engine.store.fail(run.id, run.execution, "no", "", None if end == "fail" else 0, then, used)
        assert (row(engine), engine.field(run.id, "usage")) == ("1 1 2 3 4 5 6", "1 2 3 4 5 6")

    def test_a_late_run_adds_nothing_by_its_end(self, engine: Engine) -> None:
        engine.submit()
        late = engine.start()
        engine.reap_later(12)
        engine.finish(engine.start("w2"), used="1 1 1 1 1 1 0 0 0")
        assert engine.finish(late, used="5 5 5 5 5 5 0 0 0")[0] == "stale"
        assert row(engine) == "1 1 1 1 1 1 1"

    def test_but_is_told_apart_from_the_task_that_is_anothers(self, engine: Engine) -> None:
        engine.submit()
        late = engine.start()
        engine.reap_later(12)
        engine.finish(engine.start("w2"))
        engine.store.add_usage(late.execution, [(late.id, "acme", "Noop", "5 5 5 5 5 5 0 0 0")])
        assert (row(engine), engine.field(late.id, "usage")) == ("1 5 5 5 5 5 5", None)

    @pytest.mark.parametrize("end", ["fail", "release"])
    def test_a_run_whose_end_is_told_again_after_the_next_began_counts_once(self, engine: Engine, end: str) -> None:
        """The first answer was lost; by the second the run is another's, and what it has used is told apart."""
        engine.submit()
        run, used = engine.start(), "1 2 3 4 5 6 0 0 0"

        def tell() -> str:
            if end == "release":
                more = {"crashed": False, "max_crashes": 3, "message": "", "used": used}
                return engine.store.release(run.worker, run.execution, **more)[0]
            return engine.store.fail(run.id, run.execution, "no", "", 0, engine.no_more(), used)[0]

        assert tell() == ("pending" if end == "release" else "scheduled")
        engine.promote()
        engine.start("w2")
        assert tell() == "stale"
        engine.store.add_usage(run.execution, [(run.id, "acme", "Noop", used)])
        assert row(engine) == "1 1 2 3 4 5 6"

    def test_what_a_foreign_hand_has_spoilt_begins_anew(self, engine: Engine) -> None:
        engine.redis.hset(engine.keys.usage("acme", "2023-11-14"), "Noop", "what")
        use(engine, "1 2 3 4 5 6 0 0 0")
        assert row(engine) == "1 1 2 3 4 5 6"

    def test_a_day_is_kept_for_400(self, engine: Engine) -> None:
        use(engine, "1 2 3 4 5 6 0 0 0")
        assert 399 * DAY < engine.redis.ttl(engine.keys.usage("acme", "2023-11-14")) <= 400 * DAY
