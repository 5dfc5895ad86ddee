"""Guards that it does not matter in which pieces requests arrive."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.server.limits import Limits
from gateway.server.reception import Reception
from gateway.server.refusal import Refusal
from gateway.server.site import Allowance, Site
from tests.gateway.serving import echo, new_config

HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\n"
REQUESTS = (
    b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\nGET /c HTTP/1.0\r\n\r\n",
    HEAD + b"Content-Length: 0\r\n\r\n",
    HEAD + b"Content-Length: 12\r\n\r\nGET / HTTP/1",
    HEAD + b"Content-Length: 3000\r\n\r\n" + b"\r\n" * 1500,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\n0\r\n\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer-A: b\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n7D0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n",
)
WRONG = (
    b"nonsense\r\n\r\n",
    HEAD + b"Content-Length: x\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
)
EXPECTED = {
    REQUESTS[3]: b"GET / HTTP/1",
    REQUESTS[4]: b"\r\n" * 1500,
    REQUESTS[6]: b"0\r\n\r\n0123456789",
    REQUESTS[7]: b"x" * 2000,
}
#: Small enough for some bodies to need an owner, and to lie in files.
LIMITS = Limits(stranger_bytes=1000, memory_bytes=1500)


def received(pieces: list[bytes]) -> list[tuple[str, bytes] | int]:
    """Each request's path and body, and the status of the refusal that ended it."""
    site = Site(new_config(), echo, limits=LIMITS, admit=lambda *_: Allowance("acme", 5000))
    reception, found = Reception(site, ("127.0.0.1", 1)), []
    try:
        for piece in pieces:
            reception.feed(piece)
            while reception.ready:
                assert not reception.unfinished
                body = reception.body.rewind().read() if reception.body else b""
                found.append((reception.request.path, body))
                reception.finish()
                reception.feed()
    except Refusal as refusal:
        found.append(refusal.status)
    reception.finish()
    assert (site.stores.bodies.taken, site.stores.memory.taken, site.stores.disk.taken) == (0, 0, 0)
    return found


@given(st.lists(st.sampled_from(REQUESTS), max_size=4), st.sampled_from((b"", *WRONG)), st.data())
def test_requests_are_the_same_in_whatever_pieces_they_come(
    requests: list[bytes], last: bytes, data: st.DataObject
) -> None:
    whole = b"".join(requests) + last
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    paths = [each.split(b" ")[1].decode() for each in requests]
    expected = [(path, EXPECTED.get(each, b"")) for path, each in zip(paths, requests, strict=True)]
    assert received(pieces) == [*expected, *([400] if last else [])]
