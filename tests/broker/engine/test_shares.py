"""Guards fair shares: tenants by weight, their groups alike, charged what they took; nobody waits for a flood."""

import json

import pytest

from broker.engine.transitions import Wait
from tests.broker.engine.engine import NOTHING, SECOND, Engine


def served(engine: Engine, count: int, seconds: float | dict[str, float] = 1.0) -> list[str]:
    """Whose tasks run, one after the other, as ``tenant`` or ``tenant/group``."""
    order = []
    for _ in range(count):
        run = engine.start()
        tenant, group = run.claimed.tenant, engine.field(run.id, "group")
        order.append(f"{tenant}/{group}" if group else tenant)
        engine.advance(seconds if isinstance(seconds, float) else seconds[tenant])
        engine.finish(run)
    engine.check()
    return order


def flood(engine: Engine, tenant: str, count: int, **fields: object) -> None:
    engine.try_submit_many(*[dict(fields)] * count, tenant=tenant)


def test_one_task_does_not_wait_for_another_tenants_flood(engine: Engine) -> None:
    flood(engine, "flood", 50)
    served(engine, 3)
    engine.submit(tenant="late")
    assert "late" in served(engine, 2)


def test_tenants_take_turns_however_much_each_has(engine: Engine) -> None:
    for tenant, count in (("a", 9), ("b", 3), ("c", 3)):
        flood(engine, tenant, count)
    assert served(engine, 9) == ["a", "b", "c"] * 3
    assert served(engine, 6) == ["a"] * 6


def test_a_tenant_gets_by_its_weight(engine: Engine) -> None:
    engine.store.set_tenant("heavy", "3", [])
    flood(engine, "heavy", 40)
    flood(engine, "light", 40)
    assert served(engine, 40).count("heavy") == pytest.approx(30, abs=1)


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)  # hundreds of tasks, and nothing of the loader's
def test_long_tasks_cost_what_they_cost(engine: Engine) -> None:
    """One takes ten times as long: it starts a tenth as often, and both get the same time."""
    flood(engine, "long", 20)
    flood(engine, "short", 200)
    order = served(engine, 110, {"long": 10.0, "short": 1.0})
    assert order.count("long") == pytest.approx(10, abs=2)


def test_a_run_that_goes_on_is_charged_what_it_has_taken(engine: Engine) -> None:
    """On two workers: while one runs a long task of a tenant, the other serves the other tenant alone."""
    flood(engine, "long", 5)
    flood(engine, "short", 5)
    first, second = engine.start("w1"), engine.start("w2")
    long, short = (first, second) if first.claimed.tenant == "long" else (second, first)
    engine.finish(short)
    for _ in range(4):
        engine.advance(4)
        engine.renew(long)
        run = engine.start(short.worker)
        assert run.claimed.tenant == "short"
        engine.finish(run)


def test_a_run_is_put_right_only_for_those_who_were_charged(engine: Engine) -> None:
    """It is expected to take a second and takes a fiftieth: nothing of that is owed to a group that was alone."""
    flood(engine, "beside", 2)
    flood(engine, "a", 5, group="x")
    assert served(engine, 1) == ["beside"]
    run = engine.start()  # of the tenant's only group, while another tenant waits
    flood(engine, "a", 1, group="y")
    engine.advance(0.02)
    engine.finish(run)
    assert "a/y" in served(engine, 4, {"a": 0.02, "beside": 1.0})


def test_a_tenant_that_comes_while_groups_of_another_share_does_not_wait_for_them(engine: Engine) -> None:
    for group in ("x", "y"):
        flood(engine, "a", 5, group=group)
    run = engine.start()
    engine.submit(tenant="late")
    engine.advance(0.02)
    engine.finish(run)
    assert "late" in served(engine, 2, {"a": 0.02, "late": 1.0})


def test_who_was_away_has_no_credit(engine: Engine) -> None:
    flood(engine, "stays", 30)
    flood(engine, "leaves", 1)
    served(engine, 20)
    flood(engine, "leaves", 10)
    assert served(engine, 6).count("leaves") == 3


def test_who_comes_back_with_nothing_running_has_no_debt(engine: Engine) -> None:
    """It starts after at most one start of each other tenant, however long its last task took."""
    flood(engine, "other", 30)
    engine.submit(tenant="back")
    served(engine, 2, {"other": 1.0, "back": 600.0})
    engine.submit(tenant="back")
    assert "back" in served(engine, 2)


def test_who_still_runs_keeps_its_debt(engine: Engine) -> None:
    flood(engine, "other", 30)
    engine.submit(tenant="back")
    runs = [engine.start("w1"), engine.start("w2")]
    long, short = sorted(runs, key=lambda run: run.claimed.tenant)
    engine.finish(short)
    engine.advance(4)
    engine.renew(long)
    engine.submit(tenant="back")
    assert served(engine, 2) == ["other", "other"]


def test_groups_of_a_tenant_share_alike_and_count_as_one_tenant(engine: Engine) -> None:
    flood(engine, "a", 20, group="x")
    flood(engine, "a", 20, group="y")
    flood(engine, "b", 20)
    order = served(engine, 20)
    assert [order.count(each) for each in ("b", "a/x", "a/y")] == [10, 5, 5]


def test_a_group_that_comes_back_with_nothing_running_has_no_debt(engine: Engine) -> None:
    flood(engine, "a", 1, group="long")
    flood(engine, "a", 20, group="short")
    run = engine.start()
    engine.advance(600)
    engine.finish(run)
    served(engine, 2)
    flood(engine, "a", 1, group="long")
    assert "a/long" in served(engine, 2)


def test_tasks_of_no_group_are_one_group_more(engine: Engine) -> None:
    flood(engine, "a", 20)
    served(engine, 2)
    flood(engine, "a", 20, group="x")
    order = served(engine, 10)
    assert [order.count(each) for each in ("a", "a/x")] == [5, 5]


def test_a_higher_level_goes_first_whoever_has_tasks_there(engine: Engine) -> None:
    flood(engine, "low", 3)
    flood(engine, "high", 3, priority=5)
    assert served(engine, 6) == ["high"] * 3 + ["low"] * 3


def test_within_a_group_the_first_come_is_the_first_served(engine: Engine) -> None:
    """Also when the clock steps back between two."""
    first = engine.submit(group="x")
    engine.advance(-60)
    second = engine.submit(group="x")
    assert [engine.start().id, engine.start("w2").id] == [first, second]


def test_a_task_that_is_handed_back_is_the_next_of_its_tenant(engine: Engine) -> None:
    engine.submit(tenant="b")
    first, _ = engine.submit(), engine.submit()
    run = next(run for run in (engine.start("w1"), engine.start("w2")) if run.id == first)
    engine.store.release(run.worker, run.execution, crashed=False, max_crashes=3)
    assert engine.order()[0] == first
    engine.check()


def test_cancelled_in_the_middle_a_task_leaves_no_trace_and_the_rest_keeps_its_order(engine: Engine) -> None:
    ids = [engine.submit() for _ in range(6)]
    engine.store.cancel(ids[2], "acme", force=False)
    engine.check()
    assert sorted(engine.waiting()) == sorted({*ids} - {ids[2]})
    assert [engine.start(f"w{n}").id for n in range(5)] == [ids[0], ids[1], *ids[3:]]
    assert engine.claim("w9") == NOTHING
    engine.check()


def test_what_a_foreign_hand_takes_out_of_the_list_misleads_nobody(engine: Engine) -> None:
    """Slots behind it are off by one then: each task is found all the same."""
    for tenant in ("a", "b", "c"):
        flood(engine, tenant, 5)
    listed = engine.waiting()
    for gone in (listed[7], listed[11]):
        engine.redis.lrem(engine.keys.rq_queue("Noop"), 1, gone)
        engine.redis.delete(engine.keys.job(gone))
    for number in range(13):
        engine.start(f"w{number}")
    assert engine.claim("w99") == NOTHING
    assert engine.waiting() == []


def test_tasks_that_only_the_list_knows_are_taken_in(engine: Engine) -> None:
    """As an older release leaves them."""
    ids = [engine.submit(), engine.submit(tenant="b")]
    for key in engine.redis.keys("*:broker:waiting:*") + engine.redis.keys("*:broker:shares:*"):
        engine.redis.delete(key)
    assert sorted(engine.start(f"w{number}").id for number in range(2)) == sorted(ids)
    assert engine.claim("w9") == NOTHING
    engine.check()


class TestTenantCaps:
    def test_a_rate_holds_in_every_window_and_nobody_else_waits_for_it(self, engine: Engine) -> None:
        engine.advance(60)
        engine.cap(rate=1, burst=2)
        flood(engine, "capped", 20)
        starts: list[int] = []
        for number in range(60):
            if number == 20:
                flood(engine, "free", 3)
            claimed = engine.claim(f"w{number}")
            if claimed is not NOTHING and getattr(claimed, "tenant", "") == "capped":
                starts.append(engine.now)
            engine.advance(0.1)
        assert len(starts) == 2 + 5
        assert all(starts[n + k] - starts[n] >= (k - 1) * SECOND for n in range(7) for k in range(2, 7 - n))

    def test_the_sleep_of_a_worker_ends_when_the_next_token_is_due(self, engine: Engine) -> None:
        engine.cap(rate=2)
        engine.advance(1)
        flood(engine, "acme", 2)
        engine.start()
        waits = engine.claim("w2")
        assert waits == (SECOND // 2,)
        engine.advance(0.5)
        engine.start("w2")

    def test_concurrency(self, engine: Engine) -> None:
        engine.cap(concurrency=1)
        flood(engine, "a", 3)
        flood(engine, "b", 1)
        runs = [engine.start("w1"), engine.start("w2")]
        assert {run.claimed.tenant for run in runs} == {"a", "b"}
        assert engine.claim("w3") == NOTHING
        engine.finish(next(run for run in runs if run.claimed.tenant == "a"))
        assert engine.start("w3").claimed.tenant == "a"
        engine.check()

    def test_a_capped_tenant_costs_the_claim_nothing(self, engine: Engine) -> None:
        """It is met once: what a claim reads does not grow with what it has waiting."""
        engine.cap(concurrency=1)
        flood(engine, "a", 50)
        engine.start("w1")
        assert engine.claim("w2") == NOTHING
        assert engine.redis.zrange(engine.keys.shares("Noop"), 0, -1) == []

    def test_an_exception_of_one_tenant(self, engine: Engine) -> None:
        engine.cap(concurrency=1)
        engine.store.set_tenant("big", "keep", ["Noop", "//3"])
        flood(engine, "big", 5)
        flood(engine, "small", 5)
        for number in range(4):
            engine.start(f"w{number}")
        assert engine.claim("w9") == NOTHING
        engine.store.set_tenant("small", "keep", ["Noop", "//none"])
        for number in range(4):
            assert engine.start(f"v{number}").claimed.tenant == "small"
        engine.check()

    def test_lifting_a_cap_lets_all_go(self, engine: Engine) -> None:
        engine.cap(concurrency=1)
        flood(engine, "a", 3)
        engine.start("w1")
        assert engine.claim("w2") == NOTHING
        engine.cap()
        engine.start("w2")
        engine.start("w3")

    def test_groups(self, engine: Engine) -> None:
        engine.cap(group=1)
        flood(engine, "a", 3, group="x")
        flood(engine, "a", 1, group="y")
        flood(engine, "a", 2)
        runs = [engine.start(f"w{number}") for number in range(4)]
        assert sorted(engine.field(run.id, "group") or "" for run in runs) == ["", "", "x", "y"]
        assert engine.claim("w9") == NOTHING
        engine.finish(next(run for run in runs if engine.field(run.id, "group") == "x"))
        assert engine.field(engine.start("w9").id, "group") == "x"
        engine.check()

    def test_a_run_that_a_foreign_hand_deleted_frees_its_tenant(self, engine: Engine) -> None:
        engine.cap(concurrency=1, group=1)
        flood(engine, "a", 2, group="x")
        run = engine.start("w1")
        assert engine.claim("w2") == NOTHING
        engine.redis.delete(engine.keys.job(run.id))
        engine.redis.zrem(engine.keys.registry("wip", "Noop"), f"{run.id}:{run.execution}")
        engine.reconcile.tick()
        engine.reap()
        engine.start("w2")

    def test_what_a_foreign_hand_deletes_of_a_group_at_its_cap_waits_no_more(self, engine: Engine) -> None:
        engine.cap(group=1)
        flood(engine, "a", 3, group="x")
        engine.start("w1")
        assert engine.claim("w2") == NOTHING
        gone = engine.order(tenant="a", group="x")[0]
        engine.redis.lrem(engine.keys.rq_queue("Noop"), 1, gone)
        engine.redis.delete(engine.keys.job(gone))
        engine.reconcile.tick()
        engine.check()


class TestHolds:
    def hold(self, engine: Engine, **fits: str) -> int:
        engine.store.hold("h1", json.dumps(fits))
        moved = 0
        for tenant in engine.redis.smembers(engine.keys.tenants()):
            moved += engine.store.sweep_hold("h1", tenant, "Noop")[1]
        return moved

    def test_none_of_many_that_were_created_at_one_moment_is_left_out(self, engine: Engine) -> None:
        ids = {engine.submit(tenant="bad") for _ in range(7)}
        index = engine.keys.index("bad", "Noop")
        moment = engine.redis.zscore(index, min(ids))
        engine.redis.zadd(index, dict.fromkeys(ids, moment))
        engine.store.hold("h1", '{"tenant":"bad"}')
        after, moved = engine.store.sweep_hold("h1", "bad", "Noop", limit=3)
        engine.redis.zrem(index, after.split()[1])  # the last that was looked at waits no more
        while after:
            after, more = engine.store.sweep_hold("h1", "bad", "Noop", after, 3)
            moved += more
        assert moved == 7

    @pytest.mark.parametrize(
        "fits",
        [{"tenant": "bad"}, {"group": "g"}, {"tag": "t"}, {"media_id": "m-1"}, {"type": "Noop", "tenant": "bad"}],
    )
    def test_what_fits_waits_and_all_else_goes_on(self, engine: Engine, fits: dict[str, str]) -> None:
        fields = {"group": "g", "tags": '["t"]', "payload": '{"media_id":"m-1"}'}
        before = engine.submit(tenant="bad", **fields)
        other = engine.submit(tenant="good")
        assert self.hold(engine, **fits) == 1
        after = engine.submit(tenant="bad", **fields)
        assert engine.start("w1").id == other
        assert engine.claim("w2") == NOTHING
        assert sorted(engine.waiting()) == sorted([before, after])
        engine.check()
        assert engine.store.let_go_hold("h1") == 0
        assert [engine.start("w2").id, engine.start("w3").id] == [before, after]
        assert engine.store.let_go_hold("h1") == -1
        engine.check()

    def test_a_claim_heeds_a_hold_before_all_is_moved(self, engine: Engine) -> None:
        flood(engine, "bad", 3)
        engine.store.hold("h1", json.dumps({"tenant": "bad"}))
        engine.submit(tenant="good")
        assert engine.start().claimed.tenant == "good"
        assert engine.claim("w2") == NOTHING
        assert engine.redis.zcard(engine.keys.held("h1")) == 3
        engine.check()

    def test_one_claim_puts_so_many_aside_that_nobody_waits_for_it(self, engine: Engine) -> None:
        """Each takes some commands: a thousand would be tens of milliseconds."""
        engine.try_submit_many(*({} for _ in range(200)), tenant="bad")
        engine.store.hold("h1", json.dumps({"tenant": "bad"}))
        assert engine.claim() == Wait(1)
        assert 0 < engine.redis.zcard(engine.keys.held("h1")) < 150
        assert engine.claim() == NOTHING
        assert engine.redis.zcard(engine.keys.held("h1")) == 200
        engine.check()

    def test_a_held_task_can_be_cancelled(self, engine: Engine) -> None:
        task_id = engine.submit(tenant="acme")
        self.hold(engine, tenant="acme")
        assert engine.store.cancel(task_id, "acme", force=False) == "pending"
        assert engine.store.let_go_hold("h1") == 0
        engine.check()

    def test_a_held_task_that_a_foreign_hand_deletes_is_held_no_more(self, engine: Engine) -> None:
        task_id = engine.submit(tenant="acme")
        self.hold(engine, tenant="acme")
        engine.redis.lrem(engine.keys.rq_queue("Noop"), 1, task_id)
        engine.redis.delete(engine.keys.job(task_id))
        engine.reconcile.tick()
        assert engine.redis.exists(engine.keys.held("h1")) == 0
        engine.check()


class TestAging:
    def test_a_task_rises_one_level_for_each_span(self, engine: Engine) -> None:
        engine.cap(aging=10)
        old = engine.submit()
        engine.advance(10)
        assert engine.store.lift()[0] == 1
        engine.submit(priority=1)
        new = engine.submit(priority=2)
        assert engine.start("w1").id == new
        assert engine.start("w2").id == old
        engine.check()

    def test_all_that_were_created_at_one_moment_grow_older(self, engine: Engine) -> None:
        ids = {engine.submit() for _ in range(7)}
        index = engine.keys.index("acme", "Noop")
        engine.redis.zadd(index, dict.fromkeys(ids, engine.redis.zscore(index, min(ids))))
        engine.cap(aging=10)
        after = "-inf"
        while after:
            after = engine.store.begin_aging("acme", "Noop", after, 3)
        assert set(engine.redis.zrange(engine.keys.aging("Noop"), 0, -1)) == ids

    def test_what_waited_before_aging_was_asked_for_rises_too(self, engine: Engine) -> None:
        old = engine.submit()
        engine.cap(aging=10)
        assert engine.store.begin_aging("acme", "Noop") == ""
        engine.advance(10)
        engine.store.lift()
        engine.submit(priority=1)
        engine.submit(priority=1)
        assert old in {engine.start("w1").id, engine.start("w2").id}

    def test_it_can_be_cancelled_and_handed_back_where_it_stands(self, engine: Engine) -> None:
        engine.cap(aging=10)
        ids = [engine.submit(), engine.submit()]
        engine.advance(10)
        engine.store.lift()
        engine.store.cancel(ids[0], "acme", force=False)
        run = engine.start()
        engine.store.release(run.worker, run.execution, crashed=False, max_crashes=3)
        engine.check()
        assert engine.start().id == ids[1]
        engine.check()
