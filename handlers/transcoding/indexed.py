"""Learns from a file's index what reading every packet would tell, where it is certain to be the same.

That is so for H.264 and HEVC in MP4 and MOV with a plain index, of the whole or of each fragment: it has all times
and places, and one parameter set says what pictures look like. The demuxer's packets are compared with the index at
the beginning, at the end and between, and the beginning of every picture that would be decoded is looked at. Whatever
is not as expected raises ``NotTold``.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, BinaryIO

import av
from av.stream import Stream

from handlers.transcoding import moov
from handlers.transcoding.iso_boxes import NotTold
from handlers.transcoding.looks import BEGINNING, Looks
from handlers.transcoding.reading import Reading

#: Pictures of a file that is quickly read as a whole.
_FEW = 3000
#: Packets that are compared at the beginning, and at each of so many places between; how many may be behind the last
#: key frame.
_HEAD, _PLACES, _PACKETS, _LAST = 48, 8, 24, 2000


def read_index(reading: Reading) -> None:
    """As ``read_all``. Raises ``NotTold``; what is read is of no use then."""
    if len(reading.looks) != 1:
        raise NotTold("not one track of pictures")
    try:
        delays = moov.read_delays(reading.path)
        size = reading.path.stat().st_size
        indexes = {stream.index: _Index(stream, delays[stream.id], size) for stream in reading.streams}
        if sum(sum(each.sizes) for each in indexes.values()) > reading.most:
            raise NotTold("more than there is")
        (looks,) = reading.looks.values()
        _look(reading, looks, indexes.pop(looks.stream.index))
        for index in indexes.values():
            index.compare(reading)
            index.fill(reading)
    except (ValueError, LookupError, OverflowError, av.error.FFmpegError) as error:
        raise NotTold(str(error)) from error


class _Index:
    """The index of one track: of each packet its time of decoding in ticks, its place and size, whether it is key."""

    def __init__(self, stream: Stream, delays: moov.Delays, size: int) -> None:
        entries = stream.index_entries
        if len(entries) > moov.MOST_SAMPLES:
            raise NotTold("a very long track")
        self.stream, self.delays = stream, array("i", bytes(4)) * len(entries) if delays is None else delays
        if len(self.delays) != len(entries):
            raise NotTold("samples that are cut")
        self.times, self.places, self.sizes = (array("q") for _ in range(3))
        self.keys, self.left_out = bytearray(), bytearray()
        for entry in entries:
            self.times.append(entry.timestamp)
            self.places.append(entry.pos)
            self.sizes.append(entry.size)
            self.keys.append(entry.is_keyframe)
            self.left_out.append(entry.is_discard)
        if any(later <= earlier for earlier, later in pairwise(self.times)):
            raise NotTold("times that do not grow")
        if any(length <= 0 or at < 0 or at + length > size for at, length in zip(self.places, self.sizes, strict=True)):
            raise NotTold("what is not there")
        self._shift: int | None = None
        self._durations: list[int] = []

    def __len__(self) -> int:
        return len(self.times)

    def check(self, packet: "av.Packet[Any]") -> int:
        """The number of a packet that is as the index says."""
        if packet.dts is None or packet.pts is None or packet.stream_index != self.stream.index:
            raise NotTold("a packet without a time")
        number = bisect_left(self.times, packet.dts)
        if self._shift is None:
            self._shift = packet.pts - packet.dts - self.delays[number]
        told = (self.times[number], self.places[number], self.sizes[number], self.delays[number] + self._shift)
        if told != (packet.dts, packet.pos, packet.size, packet.pts - packet.dts):
            raise NotTold("a packet that is not in the index")
        if (self.keys[number], self.left_out[number]) != (packet.is_keyframe, packet.is_discard):
            raise NotTold("another packet")
        return number

    def compare(self, reading: Reading) -> None:
        """Hold packets all over the file against the index; keeps how long the last ones last."""
        for place in range(_PLACES if len(self) else 0):
            packets = self._packets(reading, len(self) * place // _PLACES)
            self._in_order([packet for _, packet in zip(range(_PACKETS), packets, strict=False)])
        tail = [packet for _, packet in zip(range(_LAST), self._packets(reading, len(self) - 1), strict=False)]
        if len(self) and self._in_order(tail) != len(self) - 1:
            raise NotTold("another end")
        self._durations = [packet.duration or 0 for packet in tail if not packet.is_discard]

    def _packets(self, reading: Reading, number: int) -> Iterator["av.Packet[Any]"]:
        """From a key frame at or before a packet on."""
        reading.container.seek(self.times[number], stream=self.stream)
        return (packet for packet in reading.container.demux(self.stream) if packet.size)

    def _in_order(self, packets: Sequence["av.Packet[Any]"]) -> int:
        """The number of the last one."""
        numbers = [self.check(packet) for packet in packets]
        if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            raise NotTold("another order")
        return numbers[-1]

    def fill(self, reading: Reading) -> list[float]:
        """Give all times to the track's timeline; returns how far what is shown reached after each packet."""
        base, shift = reading.bases[self.stream.index], self._shift or 0
        kept = [number for number, left_out in enumerate(self.left_out) if not left_out]
        decoded = [self.times[number] * base for number in kept]
        shown = [(self.times[number] + self.delays[number] + shift) * base for number in kept]
        reading.packets[self.stream.index] = len(self)
        timeline, latest = reading.timelines[self.stream.index], [0.0]
        latest += timeline.fill(decoded, shown, [each * base for each in self._durations])
        return [latest[count] for count in accumulate(not left_out for left_out in self.left_out)]


def _look(reading: Reading, looks: Looks, index: _Index) -> None:
    if len(index) < _FEW:
        raise NotTold("soon read")
    begun = _decode_first(reading, looks, index)
    index.compare(reading)
    reached = index.fill(reading)
    with reading.path.open("rb") as file:
        for number in range(begun, len(index)):
            if looks.due(bool(index.keys[number]), reached[number]) and not looks.alike(
                _beginning(file, index, number)
            ):
                raise NotTold("another look")


def _decode_first(reading: Reading, looks: Looks, index: _Index) -> int:
    """The number of the packet with which enough were decoded."""
    begun = 0
    packets = (packet for packet in reading.container.demux(index.stream) if packet.size)
    for number, packet in zip(range(_HEAD), packets, strict=False):
        if index.check(packet) != number:
            raise NotTold("another beginning")
        if not looks.begun:
            looks.feed(packet, 0.0)
            begun = number + 1
    if not looks.begun:
        raise NotTold("nothing that can be decoded")
    return begun


def _beginning(file: BinaryIO, index: _Index, number: int) -> bytes:
    file.seek(index.places[number])
    return file.read(min(BEGINNING, index.sizes[number]))
