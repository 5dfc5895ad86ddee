"""Guards a search process whose server was killed and came back with an older append-only file."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.engine.keys import Keys
from broker.media.vectors import RedisVectors
from broker.search.request import SearchRequest
from tests.servers import SERVER, own_server

np = pytest.importorskip("numpy", reason="needs the extra embed")
search = pytest.importorskip("handlers.embedding.search.searcher", reason="needs the extra embed")

KEYS = Keys("rq")
RED = np.array([1.0, 0.0], "<f2").tobytes()


class Server:
    """A server with an append-only file that can lose its last moments."""

    def __init__(self, folder: Path) -> None:
        config = {**SERVER, "appendonly": "yes", "appendfsync": "always"}
        self._server = own_server(config, folder / "server")
        self._server.start()
        self._port, self._written, self._saved = self._server.port, folder / "server" / "appendonlydir", folder / "aof"
        self.redis = Redis(port=self._port, retry=Retry(NoBackoff(), 1))
        self.vectors = RedisVectors(self.redis, KEYS)

    def put(self, *media: str) -> None:
        for each in media:
            self.redis.hset(KEYS.media(each), mapping={"tenant": "acme", "filename": f"{each}.jpg"})
            self.vectors.put("acme", "m", "image", each, [RED])

    def save(self) -> None:
        shutil.copytree(self._written, self._saved)

    def lose_what_came_since(self) -> None:
        self._server.terminate()
        shutil.rmtree(self._written)
        shutil.copytree(self._saved, self._written)
        self._server.start()

    def stop(self) -> None:
        self.redis.close()
        self._server.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    yield running
    running.stop()


def test_all_that_the_server_has_is_found(server: Server) -> None:
    searcher = search.Searcher(
        "m",
        lambda _: np.array([1.0, 0.0], np.float32),
        server.vectors,
        lambda _, ids: {each: search.Facts(0, 1, f"{each}.jpg", frozenset()) for each in ids},
    )

    def found() -> set[str]:
        while (hits := searcher.answer(SearchRequest("acme", "red"))) is None:
            searcher.work()
        return {hit.entity_id for hit in hits}

    server.put("kept")
    server.save()
    server.put("lost", "lost too")
    assert found() == {"kept", "lost", "lost too"}
    server.lose_what_came_since()
    server.put("later", "later still")  # the third and second change, as those that were lost
    assert found() == {"kept", "later", "later still"}
