"""The page's files: open to all, of the right types, cached without ever mixing releases, and complete in a wheel."""

import gzip
import hashlib
import re
from configparser import ConfigParser
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.page.assets import Assets

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "gateway" / "page" / "static"
OWN = [path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts]
TABLE = (STATIC / "vendor" / "README.md").read_text()


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    """A client without a key that does not look for its answers in the API document, which knows no pages."""
    return FlaskClient(app, app.response_class)


def get(client: FlaskClient, name: str, **headers: str) -> TestResponse:
    named = {each.replace("_", "-"): value for each, value in headers.items()}
    return client.get(f"/page/{Assets().version}/{name}", headers=named)


def test_the_page_needs_no_key_and_lets_nothing_foreign_in(anonymous: FlaskClient) -> None:
    response = anonymous.get("/")
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    policy = dict(each.strip().split(" ", 1) for each in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["worker-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_every_file_that_it_names_is_there(anonymous: FlaskClient) -> None:
    for page, base in (("/", "/"), ("/api/docs", "/api/")):
        named = re.findall(r'(?:href|src)="([^"]+)"', anonymous.get(page).text)
        assert named
        for each in named:
            path = f"/{each.removeprefix('../')}" if each.startswith("../") else base + each
            assert anonymous.get(path).status_code == 200, path


def test_every_module_that_is_imported_is_there(anonymous: FlaskClient) -> None:
    for path in (each for each in OWN if each.suffix == ".js"):
        for name in re.findall(r'(?:from |import\()?"(\.[^"]+\.m?js)"', path.read_text()):
            target = (path.parent / name).resolve()
            assert get(anonymous, str(target.relative_to(STATIC))).status_code == 200, f"{path.name}: {name}"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("styles/base.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("vendor/hls.js-1.7.4/hls.min.mjs", "text/javascript; charset=utf-8"),
    ],
)
def test_files_have_their_types(anonymous: FlaskClient, name: str, content_type: str) -> None:
    response = get(anonymous, name)
    assert (response.status_code, response.content_type) == (200, content_type)
    assert response.get_data() == (STATIC / name).read_bytes()


def test_a_file_is_kept_for_ever_and_the_page_is_asked_for_anew(anonymous: FlaskClient) -> None:
    assert get(anonymous, "app.js").cache_control.immutable
    page = anonymous.get("/")
    assert page.cache_control.no_cache
    assert anonymous.get("/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304


def test_a_file_of_another_release_is_not_there(anonymous: FlaskClient) -> None:
    for path in ("/page/0123456789ab/app.js", f"/page/{Assets().version}/vendor/hls.js-1.7.4/LICENSE"):
        assert anonymous.get(path).status_code == 404, path
    assert get(anonymous, "../blueprint.py").status_code == 404


def test_a_change_of_any_file_is_another_release(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("1")
    before = Assets(tmp_path).version
    (tmp_path / "one.js").write_text("2")
    assert Assets(tmp_path).version != before


def test_files_are_compressed_for_who_can_read_that(anonymous: FlaskClient) -> None:
    plain, compressed = get(anonymous, "app.js"), get(anonymous, "app.js", Accept_Encoding="gzip")
    assert gzip.decompress(compressed.get_data()) == plain.get_data()
    assert compressed.headers["ETag"] != plain.headers["ETag"]
    assert compressed.headers["Vary"] == "Accept-Encoding"


def test_vendored_files_are_those_that_were_published() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| \S+ \| .* \| `([0-9a-f]{64})` \|$", TABLE, re.M)
    files = {str(path.relative_to(STATIC / "vendor")) for path in (STATIC / "vendor").rglob("*") if path.is_file()}
    assert {name for name, _ in rows} == {each for each in files if not each.endswith(("LICENSE", "README.md"))}
    for name, digest in rows:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest, name
        assert (STATIC / "vendor" / name.partition("/")[0] / "LICENSE").exists()


def test_nothing_makes_markup_of_text() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|unsafe-?html|document\.write|eval\(|\bstyle=\"", re.I
    )
    for path in OWN:
        assert not forbidden.search(path.read_text()), path
        assert not re.search(r"\bon[a-z]+=\"|javascript:", path.read_text()), path


def test_an_installed_wheel_has_all_files() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]["gateway"].split()
    packed = {path for pattern in patterns for path in (ROOT / "gateway").glob(pattern) if path.is_file()}
    assert packed == {path for path in STATIC.rglob("*") if path.is_file()}
