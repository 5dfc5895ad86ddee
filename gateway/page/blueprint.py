"""``/`` and the files below ``/page``: open to all, because nothing in them is a secret. What they show needs a key."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from gateway.page.assets import Asset, Assets
from gateway.required_scopes import NO_KEY, needs

blueprint = Blueprint("page", __name__)
_assets = Assets()
_YEAR = 365 * 24 * 3600
#: Nothing but the page's own files runs or is loaded, and nobody else's page may frame it. ``blob:`` is how players
#: feed a video element, and ``data:`` how hls.js gives it an empty track for captions.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self' blob: data:; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@blueprint.get("/")
@needs(NO_KEY)
def show_page() -> Response:
    """The page. It is asked for anew each time, so that it names the files of this release."""
    return _send("index.html")


@blueprint.get("/api/docs")
@needs(NO_KEY)
def show_reference() -> Response:
    """The API document for people to read; the document itself needs a key."""
    return _send("docs.html")


@blueprint.get("/page/<version>/<path:name>")
@needs(NO_KEY)
def show_file(version: str, name: str) -> Response:
    """One file. Its address names the release, so it may be kept for ever, and never meets files of another."""
    if version != _assets.version:
        raise NotFound()
    response = _send(name)
    response.cache_control.no_cache = None
    response.cache_control.public = response.cache_control.immutable = True
    response.cache_control.max_age = _YEAR
    return response


def _send(name: str) -> Response:
    asset = _assets.get(name)
    if asset is None:
        raise NotFound()
    response = Response(headers=_HEADERS, content_type=asset.content_type)
    response.vary.add("Accept-Encoding")
    response.cache_control.no_cache = True
    _fill(response, asset)
    response.make_conditional(request)
    return response


def _fill(response: Response, asset: Asset) -> None:
    """The file, compressed where the browser can and it helps."""
    compressed = request.accept_encodings["gzip"] > 0 and len(asset.compressed) < len(asset.body)
    response.set_data(asset.compressed if compressed else asset.body)
    response.set_etag(f"{asset.etag}-gzip" if compressed else asset.etag)
    if compressed:
        response.content_encoding = "gzip"
