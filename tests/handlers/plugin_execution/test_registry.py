"""Guards how plugins are found: from installed packages and from ``PLUGINS``, with every mistake named at the start."""

from configparser import ConfigParser
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from broker.plugin import Plugin, PluginContext
from broker.plugins.installed_plugins import load_plugins
from broker.tasks import installed_types
from handlers.plugins.assembly_ai import AssemblyAI
from handlers.plugins.checksum import Checksum
from handlers.plugins.http_request import HttpRequest
from handlers.plugins.media_info import MediaInfo
from handlers.plugins.thumbnail import Thumbnail
from handlers.plugins.waveform import Waveform
from handlers.plugins.whisper import Whisper

HERE = "tests.handlers.plugin_execution.test_registry"
SETUP = Path(__file__).parents[3] / "setup.cfg"


class Good(Plugin):
    """A third party's plugin."""

    name = "good"
    description = "For this test."
    media_types = frozenset({"audio"})

    def execute(self, context: PluginContext) -> dict[str, Any]:
        return {}


class Twin(Good):
    name = "checksum"


class BadName(Good):
    name = "Not A Name"


class BadKind(Good):
    media_types = frozenset({"hologram"})


class BadDestination(Good):
    destination = frozenset({"ulr"})


class Nameless(Plugin):
    description = "For this test."
    media_types = frozenset({"audio"})


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry points of this project alone, as its setup.cfg has them, whatever else this machine has installed."""
    setup = ConfigParser()
    setup.read(SETUP)
    found = entry_points_of(setup["options.entry_points"]["mindia_tasks.plugins"])
    monkeypatch.setattr(installed_types, "entry_points", lambda group: [each for each in found if each.group == group])


def entry_points_of(lines: str) -> list[EntryPoint]:
    pairs = (line.split(" = ") for line in lines.strip().splitlines())
    return [EntryPoint(name, value, "mindia_tasks.plugins") for name, value in pairs]


def test_installed_plugins_and_named_ones_are_found() -> None:
    plugins = load_plugins({"PLUGINS": f" {HERE}:Good ,"})
    assert {name: type(plugin) for name, plugin in plugins.items()} == {
        "assembly_ai": AssemblyAI,
        "checksum": Checksum,
        "good": Good,
        "http_request": HttpRequest,
        "media_info": MediaInfo,
        "thumbnail": Thumbnail,
        "waveform": Waveform,
        "whisper": Whisper,
    }
    own = ["assembly_ai", "checksum", "http_request", "media_info", "thumbnail", "waveform", "whisper"]
    assert list(load_plugins({})) == own


def test_a_name_belongs_to_one_plugin() -> None:
    with pytest.raises(
        ValueError,
        match=rf"two plugins are named 'checksum': .*plugins.checksum:Checksum and PLUGINS: {HERE}:Twin",
    ):
        load_plugins({"PLUGINS": f"{HERE}:Twin"})


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("BadName", "plugin name 'Not A Name' must match"),
        ("BadKind", "media_types must be of audio, document, image, video"),
        ("BadDestination", "destination names what is no setting: ulr"),
        ("Nameless", "sets no name"),
        ("HERE", "not a subclass of broker.plugin.Plugin"),
        ("Missing", "cannot load"),
    ],
)
def test_a_mistake_is_named_with_its_origin(reference: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        load_plugins({"PLUGINS": f"{HERE}:{reference}"})
    assert f"{HERE}:{reference}" in str(raised.value)


@pytest.mark.parametrize("reference", ["no.such.module:Thing", "no_colon", ":", "handlers.plugins.checksum:"])
def test_what_cannot_be_loaded_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="cannot load"):
        load_plugins({"PLUGINS": reference})
