"""A stored file as an answer."""

from flask import Response, request
from werkzeug.wsgi import wrap_file

from broker.media.storage import CHUNK, StoredObject
from broker.secrets.links import LIFETIME_SECONDS
from gateway.current import broker


def send_unchanging(key: str, stored: StoredObject) -> Response:
    """The requested range of a stored file, to be cached: what is published under a key does not change."""
    response = Response()
    response.content_length = stored.size
    response.cache_control.public = True
    response.cache_control.max_age = LIFETIME_SECONDS
    response.cache_control.immutable = True
    response.set_etag(stored.etag)
    response.make_conditional(request, accept_ranges=True, complete_length=stored.size)
    if request.method == "GET" and response.status_code != 304:
        file = broker().storage.open(key, response.content_range.start or 0, response.content_length)
        response.response = wrap_file(request.environ, file, CHUNK)
        response.direct_passthrough = True
    return response
