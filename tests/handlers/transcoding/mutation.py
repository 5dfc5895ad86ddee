"""Damages files as disks, networks and people who mean harm do; the same dice, the same damage."""

import random

_EXTREMES = (bytes(4), b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x01", b"\x80\x00\x00\x00")
#: Headers and indexes lie within so many bytes of either end.
_HEADERS = 1500


def mutant(data: bytes, other: bytes, dice: random.Random) -> bytes:
    """``data`` with one to four pieces of damage, some of them with pieces of ``other``."""
    damaged = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        dice.choice(_DAMAGE)(damaged, other, dice)
    return bytes(damaged)


def _place(data: bytearray, dice: random.Random) -> int:
    """Mostly in headers, where damage does most."""
    near = min(_HEADERS, len(data))
    if not data:
        return 0
    return dice.choice((dice.randrange(near), len(data) - 1 - dice.randrange(near), dice.randrange(len(data))))


def _flip(data: bytearray, _: bytes, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 1, 3, 20)) if data else 0):
        data[_place(data, dice)] ^= 1 << dice.randrange(8)


def _exaggerate(data: bytearray, _: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    data[at : at + 4] = dice.choice(_EXTREMES)


def _blank(data: bytearray, _: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    size = min(len(data) - at, dice.choice((8, 100, 2000)))
    data[at : at + size] = bytes(size)


def _scramble(data: bytearray, _: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    size = min(len(data) - at, dice.choice((8, 100, 2000)))
    data[at : at + size] = dice.randbytes(size)


def _cut(data: bytearray, _: bytes, dice: random.Random) -> None:
    del data[_place(data, dice) :]


def _lose(data: bytearray, _: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    del data[at : at + dice.choice((1, 4, 188, 1000))]


def _repeat(data: bytearray, _: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    data[at:at] = data[at : at + dice.choice((4, 188, 1000))] * dice.choice((1, 1, 50))


def _graft(data: bytearray, other: bytes, dice: random.Random) -> None:
    at, size = _place(data, dice), dice.choice((16, 500, len(other)))
    start = dice.randrange(max(1, len(other) - size))
    data[at:at] = other[start : start + size]


_DAMAGE = (_flip, _flip, _exaggerate, _exaggerate, _blank, _scramble, _cut, _lose, _repeat, _graft)
