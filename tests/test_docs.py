"""The README and the pages below docs say what the code does: variables, endpoints, targets, keys, links."""

import re
from inspect import isfunction, signature
from pathlib import Path

import pytest
from flask import Flask

from broker.broker import Broker
from broker.engine.keys import Keys
from broker.environment.variables import VARIABLES
from broker.plugins.installed_plugins import load_plugins
from gateway.app import create_app
from gateway.auth import Tenants
from gateway.config import GatewaySettings
from scripts.cli import failure
from scripts.cli.main import SECTIONS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
DOCS = ROOT / "docs"
ARCHITECTURE, API, CONFIGURATION, OPERATIONS = (
    (DOCS / f"{name}.md").read_text() for name in ("architecture", "api", "configuration", "operations")
)
PAGES = [ROOT / "README.md", *DOCS.glob("*.md"), *(ROOT / "clients").glob("*/README.md")]
#: Taken of the running page; the README shows it.
PICTURE = DOCS / "page.png"
SOURCES = [path for part in ("broker", "gateway", "handlers", "scripts") for path in (ROOT / part).rglob("*.py")]
#: Read, but not settings of this project.
FOREIGN = {"PATH", "NO_COLOR", "TERM", "XDG_STATE_HOME", "SENTENCE_TRANSFORMERS_HOME"}
#: Of the command line, which is no process of the system.
OF_THE_CLIENT = {"MINDIA_URL", "MINDIA_KEY"}


def variables_read() -> set[str]:
    """Environment variables that the code names."""
    pattern = re.compile(r'environ(?:\.get\(|\[)"([A-Z_]+)"|\(environ, "([A-Z_]+)"')
    text = "\n".join(path.read_text() for path in SOURCES if "bench" not in path.parts)
    return {first or second for first, second in pattern.findall(text)}


def table() -> dict[str, str]:
    """The variables in the table of the configuration's page, each with the last column of its row."""
    rows = re.findall(r"^\| (`.*?) \|.*\| (.*?) ?\|$", CONFIGURATION, re.M)
    return {name: default for names, default in rows for name in re.findall(r"`([A-Z]\w+)`", names)}


@pytest.fixture
def app(broker: Broker) -> Flask:
    return create_app(GatewaySettings(Tenants([("me", "key")]), "secret"), broker, load_plugins({}))


def test_the_table_has_the_declared_variables_and_no_other() -> None:
    assert set(table()) == set(VARIABLES)


def test_no_variable_is_read_that_is_not_declared() -> None:
    undeclared = variables_read() - FOREIGN - OF_THE_CLIENT - set(VARIABLES)
    # Those of AWS and of OpenTelemetry are named as what they are: the usual ones.
    assert {name for name in undeclared if not name.startswith(("AWS_", "OTEL_"))} == set()


def test_every_default_is_the_one_that_is_told() -> None:
    words = {"MAX_UPLOAD_BYTES": "2 GiB", "DASHBOARD_PORT": "a free port"}
    for name, told in table().items():
        default = VARIABLES[name].default
        if default not in ("", (), False, None):
            shown = words.get(name, f"{default:g}" if isinstance(default, float) else str(default))
            assert re.search(rf"(^|[ `]){re.escape(shown)}($|[ ,`])", told), f"{name} is {shown}, not {told}"


def test_the_upload_limit_that_is_told() -> None:
    assert "| 2 GiB |" in CONFIGURATION
    assert GatewaySettings(Tenants([("me", "key")]), "").max_upload_bytes == 2 * 1024**3


def test_every_endpoint_is_on_its_page_and_no_other(app: Flask) -> None:
    told = {path.partition("?")[0] for path in re.findall(r"`(/[^`…]*?)[`…]", API)} - {"/api", "/#key="}
    served = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)) for rule in app.url_map.iter_rules()}
    names = re.compile(r"\{\w+\}")
    plain_told = {names.sub("{}", path).rstrip("/") for path in told}
    plain_served = {names.sub("{}", path).rstrip("/") for path in served}
    plain_served = {
        path.partition("/stream/")[0] + "/stream/{}" if "/stream/" in path else path for path in plain_served
    }
    assert plain_told == plain_served


def test_every_operation_has_its_row(app: Flask) -> None:
    told = {
        (method, re.sub(r"\{\w+\}", "{}", path.partition("?")[0]))
        for methods, paths in re.findall(r"^\| ((?:`[A-Z]+` ?)+) \| (`/.*?) \|", API, re.M)
        for method in re.findall(r"[A-Z]+", methods)
        for path in re.findall(r"`(/.*?)`", paths)
    }
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(("page.", "api-docs.", "streams.")):  # in words, or by a part of their path
            continue
        path = re.sub(r"<.*?>", "{}", str(rule))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert (method, path) in told, f"{method} {path}"


def test_every_make_target_that_is_told_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text(), re.M)):
            assert re.search(rf"^{target}:", makefile, re.M), (page.name, target)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for path, anchor in re.findall(r"\]\((?!\w+:)([^)#]*)#?([^)]*)\)", page.read_text()):
            target = (page.parent / path).resolve() if path else page
            assert target.exists() or target == PICTURE, f"{page.name}: {path}"
            if anchor:
                assert anchor in anchors(target), f"{page.name}: {path}#{anchor}"


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_command_and_status_is_on_its_page() -> None:
    page = (DOCS / "command-line.md").read_text()
    told = {
        name for row in re.findall(r"^\| (`mindia .*?) \|", page, re.M) for name in re.findall(r"`mindia (\w+)", row)
    }
    assert told == {name for section in SECTIONS.values() for name in section}
    statuses = {int(number) for number in re.findall(r"^\| (\d+) \|", page, re.M)}
    assert statuses == {value for name, value in vars(failure).items() if name.isupper() and isinstance(value, int)}
    assert set(re.findall(r"`(MINDIA_\w+)`", page)) == OF_THE_CLIENT


def test_every_process_of_the_procfile_is_told() -> None:
    for line in (ROOT / "Procfile").read_text().splitlines():
        assert f"`{line.partition(':')[0]}`" in OPERATIONS, line


def test_the_architecture_page_names_our_keys() -> None:
    made = [getattr(Keys, name) for name in vars(Keys) if not name.startswith("_")]
    keys = [make(Keys("x"), *("?" * (len(signature(make).parameters) - 1))) for make in made if isfunction(make)]
    ours = {re.split(r":?\?", key)[0].removeprefix("x:") for key in keys if ":broker:" in key}
    assert len(ours) > 60
    told = {
        part for names in re.findall(r"^\| (`.*?`) \|", ARCHITECTURE, re.M) for part in re.findall(r"`(.*?)`", names)
    }
    stems = {re.split(r":?[<…]", part)[0] for part in told}
    assert ours - stems - {key for key in ours if key.startswith("broker:webhook:")} == set()
