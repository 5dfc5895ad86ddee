"""Guards the rule by which tenants share places: nobody takes all, and whoever comes finds one."""

from gateway.shares import Shares


def taken(shares: Shares, owner: str) -> int:
    """How many an owner gets who takes all it can."""
    number = 0
    while shares.take(owner):
        number += 1
    return number


def test_one_alone_gets_half_and_each_who_comes_finds_something() -> None:
    shares = Shares(48)
    assert [taken(shares, name) for name in "abcdef"] == [24, 12, 6, 3, 2, 1]
    assert shares.taken == 48


def test_a_single_place_can_be_taken() -> None:
    assert [taken(Shares(total), "a") for total in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_what_is_given_back_can_be_taken_by_others() -> None:
    shares = Shares(10)
    assert shares.take("a", 5)
    assert not shares.take("a", 1)
    assert shares.take("b", 3)
    shares.give_back("a", 5)
    assert not shares.take("b", 3)
    assert shares.take("b", 2)
    assert (shares.held("a"), shares.held("b"), shares.taken) == (0, 5, 5)


def test_a_total_may_change() -> None:
    total = [4]
    shares = Shares(lambda: total[0])
    assert shares.take("a", 2)
    assert not shares.take("b", 2)
    total[0] = 6
    assert shares.take("b", 2)
