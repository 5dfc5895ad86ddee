"""The README and the architecture page say what the code does: variables, endpoints, targets, keys."""

import re
from pathlib import Path

import pytest
from flask import Flask

from broker.broker import Broker
from broker.engine.keys import Keys
from broker.plugins.catalogue import load_plugins
from broker.settings.variables import VARIABLES
from gateway.app import create_app
from gateway.auth import Tenants
from gateway.config import GatewaySettings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
SOURCES = [path for part in ("broker", "gateway", "handlers", "scripts") for path in (ROOT / part).rglob("*.py")]
#: Read, but not settings of this project.
FOREIGN = {"PATH", "NO_COLOR", "SENTENCE_TRANSFORMERS_HOME"}


def variables_read() -> set[str]:
    """Environment variables that the code names."""
    pattern = re.compile(r'environ(?:\.get\(|\[)"([A-Z_]+)"|\(environ, "([A-Z_]+)"')
    text = "\n".join(path.read_text() for path in SOURCES if "bench" not in path.parts)
    return {first or second for first, second in pattern.findall(text)}


def table() -> dict[str, str]:
    """The variables in the table of the README, each with the last column of its row."""
    section = README.partition("## Configuration")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|.*\| (.*?) ?\|$", section, re.M)
    return {name: default for names, default in rows for name in re.findall(r"`([A-Z]\w+)`", names)}


@pytest.fixture
def app(broker: Broker) -> Flask:
    return create_app(GatewaySettings(Tenants([("me", "key")]), "secret"), broker, load_plugins({}))


def test_the_table_has_the_declared_variables_and_no_other() -> None:
    assert set(table()) == set(VARIABLES)


def test_no_variable_is_read_that_is_not_declared() -> None:
    undeclared = variables_read() - FOREIGN - set(VARIABLES)
    # The AWS variables are named as what they are: the usual ones.
    assert {name for name in undeclared if not name.startswith("AWS_")} == set()


def test_every_default_is_the_one_that_the_readme_tells() -> None:
    words = {"MAX_UPLOAD_BYTES": "2 GiB", "DASHBOARD_PORT": "a free port"}
    for name, told in table().items():
        default = VARIABLES[name].default
        if default not in ("", (), False):
            shown = words.get(name, f"{default:g}" if isinstance(default, float) else str(default))
            assert re.search(rf"(^|[ `]){re.escape(shown)}($|[ ,`])", told), f"{name} is {shown}, not {told}"


def test_the_upload_limit_of_the_readme() -> None:
    assert "| 2 GiB |" in README
    assert GatewaySettings(Tenants([("me", "key")]), "").max_upload_bytes == 2 * 1024**3


def test_every_endpoint_is_in_the_readme_and_no_other(app: Flask) -> None:
    table = README.partition("## API")[2].partition("## Configuration")[0]
    told = {path.partition("?")[0] for path in re.findall(r"`(/[^`…]*?)[`…]", table)} - {"/api"}
    served = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)) for rule in app.url_map.iter_rules()}
    names = re.compile(r"\{\w+\}")
    plain_told = {names.sub("{}", path).rstrip("/") for path in told}
    plain_served = {names.sub("{}", path).rstrip("/") for path in served}
    plain_served = {
        path.partition("/stream/")[0] + "/stream/{}" if "/stream/" in path else path for path in plain_served
    }
    assert plain_told == plain_served


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", README, re.M)):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_process_of_the_procfile_is_in_the_readme() -> None:
    deploy = README.partition("## Deploy")[2]
    for line in (ROOT / "Procfile").read_text().splitlines():
        assert f"`{line.partition(':')[0]}`" in deploy, line


def test_the_architecture_page_names_our_keys() -> None:
    ours = {"ready": Keys("x").ready(), "due": Keys("x").due()}
    for name, key in ours.items():
        assert key.startswith(f"x:broker:{name}")
        assert f"`broker:{name}" in ARCHITECTURE
