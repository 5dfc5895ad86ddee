"""The floor: what one Lua call per task costs that does next to nothing, over a bare socket and the C parser.

The call ends one task and takes the next: a hash field, a sorted set and a list, which is the least that a queue with
a record per task can do. No leases, no limits, no indexes, no safety of any kind, and no task is run.
"""

import os
import socket
import uuid
from typing import Any
from urllib.parse import urlsplit

import hiredis
from latency import record

SUBMIT = """
redis.call('HSET', 'floor:' .. ARGV[1], 'status', 'waiting', 'payload', ARGV[2])
redis.call('RPUSH', 'floor:queue', ARGV[1])
redis.call('LPUSH', 'floor:wake', 1)
redis.call('LTRIM', 'floor:wake', 0, 1)
return 1
"""
FINISH_AND_TAKE = """
if ARGV[1] ~= '' then
  redis.call('HSET', 'floor:' .. ARGV[1], 'status', 'finished')
  redis.call('ZADD', 'floor:finished', ARGV[2], ARGV[1])
end
local id = redis.call('LPOP', 'floor:queue')
return id and { id, redis.call('HGET', 'floor:' .. id, 'payload') } or false
"""


class Connection:
    """Just enough of a Redis client."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname or "127.0.0.1", address.port or 6379))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader(encoding="utf-8", notEnoughData=...)

    def call(self, *command: Any) -> Any:
        return self.pipeline([command])[0]

    def pipeline(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        self._socket.sendall(b"".join(hiredis.pack_command(command) for command in commands))
        return [self._answer() for _ in commands]

    def _answer(self) -> Any:
        while (answer := self._reader.gets()) is ...:
            self._reader.feed(self._socket.recv(65536))
        return answer


redis = Connection(os.environ["REDIS_URL"])
submit = redis.call("SCRIPT", "LOAD", SUBMIT)
finish_and_take = redis.call("SCRIPT", "LOAD", FINISH_AND_TAKE)


def submission(payload: str) -> tuple[Any, ...]:
    return ("EVALSHA", submit, 0, str(uuid.uuid4()), payload)


async def one() -> None:
    redis.call(*submission(""))


async def many(count: int) -> None:
    for start in range(0, count, 500):
        redis.pipeline([submission("") for _ in range(min(500, count - start))])


async def stamped(sent: int) -> None:
    redis.call(*submission(str(sent)))


def work() -> None:
    task, ended = "", 0
    while True:
        taken = redis.call("EVALSHA", finish_and_take, 0, task, ended)
        ended += 1
        task = taken[0] if taken else ""
        if not taken:
            redis.call("BLPOP", "floor:wake", 1)
        elif taken[1]:
            record(int(taken[1]))


if __name__ == "__main__":
    work()
