"""Guards the reader of the environment: all that is wrong is told at once, each in a line that says what to do."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from broker.engine.connection import connect
from broker.environment.addresses import in_url, is_loopback
from broker.environment.credentials import SHORTEST_KEY
from broker.environment.reading import BadSettings, read
from broker.environment.running import FILE, as_text, beside_a_run
from broker.environment.secrets import secrets_of
from broker.environment.sentinels import sentinels
from broker.environment.unknown import unknown_names
from broker.environment.variables import VARIABLES
from broker.environment.video_profiles import Profile
from broker.log import set_up_logging
from broker.media.transcoding_options import chosen
from broker.startup import Startup, refuse
from broker.task_type import TaskType
from tests.conftest import AnyPayload

URL = {"REDIS_URL": "redis://127.0.0.1:6379/0"}
KEY = "k" * SHORTEST_KEY


def problems(environ: dict[str, str], *required: str) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        Startup.from_env(URL | environ, required=("REDIS_URL", *required))
    return refused.value.problems


def unknown(*names: str, known: tuple[str, ...] = ()) -> list[str]:
    lines = unknown_names(dict.fromkeys(names, "1"), {*VARIABLES, *known}, ("VIDEO_TRANSCODING_",))
    return [line.partition(" ")[0] for line in lines]


class TestAllAtOnce:
    def test_whatever_process_they_concern(self) -> None:
        environ = {
            "REDIS_URL": "localhost",
            "PORT": "http",
            "STORAGE_URL": "ftp://host/x",
            "API_KEYS": "acme",
            "MAX_UPLOAD_BYTES": "2GB",
            "DASHBOARD_HOST": "0.0.0.0",
            "LOG_FORMAT": "xml",
            "VIDEO_TRANSCODING_RATE": "fast",
            "VIDEO_TRANSCODING_RATES": "2",
            "TASK_TYPES": "nothing:HERE",
            "PLUGINS": "nothing:THERE",
            "THUMBNAIL_SIZES": "large",
            "MAX_PENDNG": "5",
        }
        told = problems(environ)
        assert [re.match("[A-Z_]+", line)[0] for line in told] == [  # type: ignore[index]
            *("PORT", "REDIS_URL", "STORAGE_URL", "API_KEYS", "MAX_UPLOAD_BYTES", "DASHBOARD_HOST", "LOG_FORMAT"),
            *("TASK_TYPES", "VIDEO_TRANSCODING_RATE", "PLUGINS", "THUMBNAIL_SIZES"),
            *("MAX_PENDNG", "VIDEO_TRANSCODING_RATES"),
        ]
        assert all("\n" not in line for line in told)
        assert "VIDEO_TRANSCODING_RATE='fast': write a number with at most three decimals from 0.001 to" in str(told)

    def test_what_is_needed_and_missing_is_told_with_the_rest(self) -> None:
        told = problems({"REDIS_URL": " ", "MAX_CRASHES": "0"}, "API_KEYS")
        assert [line.split()[0] for line in told] == ["REDIS_URL", "API_KEYS", "MAX_CRASHES='0':"]
        assert told[0].startswith("REDIS_URL is not set: point it at")

    def test_a_module_that_breaks_is_a_line_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = ModuleType("broken_of_tests")
        monkeypatch.setitem(sys.modules, module.__name__, module)

        def fail(name: str) -> object:
            raise RuntimeError("no\nway")

        module.__dict__["__getattr__"] = fail
        for variable in ("TASK_TYPES", "PLUGINS"):
            (line,) = problems({variable: "broken_of_tests:X"})
            assert line == (
                f"{variable}: cannot load 'broken_of_tests:X' (want module:attribute): RuntimeError: no way"
            )

    @pytest.mark.parametrize("variable", ["TASK_TYPES", "PLUGINS"])
    def test_a_module_that_ends_the_process_is_a_line_too(
        self, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "leaves_at_once.py").write_text("import sys\nsys.exit('no\\nway')\n")
        monkeypatch.syspath_prepend(tmp_path)
        (line,) = problems({variable: "leaves_at_once:X"})
        assert line == f"{variable}: cannot load 'leaves_at_once:X' (want module:attribute): SystemExit: no way"

    @pytest.mark.parametrize("text", ["1_0", "8e3", "0x50", "80.0", "+80", "\u0668\u0660", "inf", "nan", "-80"])
    def test_a_whole_number_is_digits_alone(self, text: str) -> None:
        (line,) = problems({"PORT": text})
        assert line == f"PORT={text!r}: write a whole number from 1 to 65535"

    @pytest.mark.parametrize("text", ["1_0", "1e1", "inf", "nan", ".", "1.5.2", "0x5", "\u0665"])
    def test_a_number_is_a_plain_decimal(self, text: str) -> None:
        (line,) = problems({"LEASE_SECONDS": text})
        assert line.startswith(f"LEASE_SECONDS={text!r}: write a number from 1 to 3600")

    @pytest.mark.parametrize(("text", "value"), [("5", 5.0), ("2.5", 2.5), ("5.", 5.0), ("007", 7.0)])
    def test_plain_decimals_are_taken(self, text: str, value: float) -> None:
        assert read({"LEASE_SECONDS": text})["LEASE_SECONDS"] == value

    def test_blanks_around_a_value_do_not_count(self) -> None:
        assert read({"MAX_PENDING": " 5 ", "EMBED_MODEL": " \t", "STORAGE_URL": "file:///x\r"})["MAX_PENDING"] == 5
        assert read({"STORAGE_URL": "file:///x\r"})["STORAGE_URL"] == "file:///x"

    def test_a_long_value_is_not_shown_whole(self) -> None:
        (line,) = problems({"PORT": "9" * 10_000})
        assert len(line) < 200

    def test_values_of_secrets_are_never_shown(self) -> None:
        environ = {
            "REDIS_URL": "redis://:geheim/x@host:port",
            "API_KEYS": "acme:geheim,ac me:geheim",
            "SECRET_KEY": "geheim",
            "DASHBOARD_PASSWORD": "geheim",
            "ASSEMBLY_AI_API_KEY": "geheim geheim",
        }
        told = problems(environ)
        assert len(told) == 6, told
        assert "geheim" not in str(told)


class TestKeys:
    @pytest.mark.parametrize(
        "text",
        [",", "acme", "acme:", f":{KEY}", f"ac me:{KEY}", f"a/b:{KEY}", f"..:{KEY}", f"ac\u00fcme:{KEY}",
         "x" * 64 + f":{KEY}", f"acme:{KEY[:-1]}", f"acme:{KEY} y", f"acme:{KEY}\u00e9", f"a:{KEY},b:{KEY}",
         f"ok:{KEY},broken"],
    )  # fmt: skip
    def test_what_cannot_be_meant_is_refused(self, text: str) -> None:
        (line,) = problems({"API_KEYS": text})
        assert line.startswith("API_KEYS: ")

    def test_each_bad_entry_is_told(self) -> None:
        told = problems({"API_KEYS": f"acme:short,ops:{KEY},other"})
        assert [line.split(":")[1] for line in told] == [" entry 1", " entry 3"]

    def test_pairs_come_in_order(self) -> None:
        found = read({"API_KEYS": f"ops:{KEY}, acme:{KEY}:1 ,ops:{KEY}2,"})["API_KEYS"]
        assert found == [("ops", KEY), ("acme", f"{KEY}:1"), ("ops", f"{KEY}2")]

    def test_only_the_key_that_makes_new_things_must_be_long(self) -> None:
        assert read({"SECRET_KEY": f"{KEY},old"})["SECRET_KEY"] == f"{KEY},old"
        assert problems({"SECRET_KEY": f"old,{KEY}"})[0].startswith("SECRET_KEY: the first key needs at least 16")


class TestVideoProfiles:
    def test_all_that_is_wrong_with_them_is_told_once(self) -> None:
        text = '{"A":{},"x":{"ladder":[1,720],"codec":"h265","crf":5},"y":5}'
        told = [line.partition(": ")[2] for line in problems({"VIDEO_PROFILES": text, "VIDEO_PROFILE": "x"})]
        assert [line.partition(":")[0] for line in told[1:]] == ["x/codec", "x/ladder/0", "x/crf", "y"]
        assert told[0].startswith("the name 'A' must have")
        assert told[2] == "x/ladder/0: Must be an even whole number from 144 to 2160."

    @pytest.mark.parametrize("text", ["{", "[]", "/nowhere/profiles.json", "small"])
    def test_what_is_no_object_is_refused(self, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "small").write_text("[]")
        (line,) = problems({"VIDEO_PROFILES": text})
        assert line.startswith(f"VIDEO_PROFILES={text!r}: ")

    def test_a_file_has_them_too_and_may_say_otherwise_of_those_that_there_are(self, tmp_path: Path) -> None:
        path = tmp_path / "profiles.json"
        path.write_text('{"small": {"ladder": [240], "normalize_audio": true}}')
        name, small = chosen({}, {"VIDEO_PROFILES": str(path), "VIDEO_PROFILE": "small"})
        assert (name, small) == ("small", Profile(ladder=(240,), normalize_audio=True))

    def test_what_is_asked_for_takes_the_place_of_what_the_profile_says(self) -> None:
        _, mixed = chosen({"profile": "small", "codec": "av1", "ladder": [720, 360]}, {})
        assert mixed == Profile("av1", (720, 360), "low")

    def test_the_default_is_one_that_there_is(self) -> None:
        (line,) = problems({"VIDEO_PROFILE": "huge"})
        assert line == "VIDEO_PROFILE='huge': there is no such profile; there are av1, default, hevc, high, small"
        assert Startup.from_env(URL | {"VIDEO_PROFILE": "huge", "VIDEO_PROFILES": '{"huge": {}}'})


class TestAddresses:
    @pytest.mark.parametrize("url", ["redis://host:port", "redis://:a#b/c@host", "redis://h?socket_timeout=long"])
    def test_a_redis_url_that_would_fail_later_is_refused_now(self, url: str) -> None:
        assert problems({"REDIS_URL": url})[0].startswith("REDIS_URL: cannot be read")

    @pytest.mark.parametrize(
        "url",
        ["redis://:geheim@h/0?foo=bar", "redis://h?ssl_cert_reqs=none&password=geheim", "redis://h?protocol=9",
         "redis://:geheim@h/x", "redis://h?db=-1", "unix:///x?host=geheim", "redis://h?connection_class=geheim"],
    )  # fmt: skip
    def test_options_that_no_connection_could_be_made_with_are_refused(self, url: str) -> None:
        (line,) = problems({"REDIS_URL": url})
        assert line.startswith("REDIS_URL: ")
        assert "write it as redis://" in line
        assert "geheim" not in line

    @pytest.mark.parametrize(
        "url",
        ["redis://h", "redis://u:p@h:1/15?protocol=3", "rediss://h/0?ssl_cert_reqs=none", "unix:///run/x.sock?db=2",
         "redis://h?health_check_interval=5"],
    )  # fmt: skip
    def test_options_of_redis_py_are_taken(self, url: str) -> None:
        assert read({"REDIS_URL": url})["REDIS_URL"] == url
        connect(url).connection_pool.make_connection()

    @pytest.mark.parametrize(
        "url", ["ftp://x/y", "/folder", "file:///", "file://host/x", "s3://", "s3://b?x", "s3://["]
    )
    def test_a_storage_of_no_kind_is_refused_with_the_two_forms(self, url: str) -> None:
        (line,) = problems({"STORAGE_URL": url})
        assert "file:///absolute/folder or s3://bucket/prefix" in line

    def test_s3_without_its_library_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("broker.media.open_storage.find_spec", lambda name: None)
        assert "pip install 'mindia-tasks[s3]'" in problems({"STORAGE_URL": "s3://bucket"})[0]

    @pytest.mark.parametrize(
        "url", ["http://[x", "http://[x]", "http://a:99999", "http://a:0", "http://a:b", "http://:80", "http://a:1:2"]
    )
    def test_a_public_address_that_is_none_is_refused(self, url: str) -> None:
        (line,) = problems({"PUBLIC_URL": url})
        assert line.startswith(f"PUBLIC_URL={url!r}: ")

    @pytest.mark.parametrize("url", ["http://a", "https://a:8443/tasks", "http://[::1]:80"])
    def test_a_public_address_is_taken(self, url: str) -> None:
        assert read({"PUBLIC_URL": f"{url}/"})["PUBLIC_URL"] == url

    @pytest.mark.parametrize("path", ["/..", "/a/../b", "/.", "tasks", "/tasks/", "/a b", "//a", "/a%20", "/\u00e4"])
    def test_a_path_that_no_client_asks_below_is_refused(self, path: str) -> None:
        (line,) = problems({"SCRIPT_NAME": path})
        assert "write it as /tasks" in line

    @pytest.mark.parametrize("path", ["/tasks", "/a/b.c", "/..a", "/api"])
    def test_a_path_is_taken(self, path: str) -> None:
        assert read({"SCRIPT_NAME": path})["SCRIPT_NAME"] == path

    @pytest.mark.parametrize("host", ["::1", "[::1]", "127.0.0.2", "localhost"])
    def test_loopback_needs_no_password(self, host: str) -> None:
        found = read({"DASHBOARD_HOST": host})["DASHBOARD_HOST"]
        assert is_loopback(found)
        assert in_url(found) == (f"[{found}]" if ":" in host else host)

    def test_a_password_is_long_enough_and_not_alone(self) -> None:
        assert "at least 8" in problems({"DASHBOARD_USER": "ops", "DASHBOARD_PASSWORD": "1234567"})[0]
        assert "both" in problems({"DASHBOARD_PASSWORD": "12345678"})[0]


class TestUnknownNames:
    def test_those_that_are_meant_for_us_are_told(self) -> None:
        names = ("MAX_PENDNG", "MAX_PEDNING", "WORKER_PROCESS", "LEASE_SECOND", "RETENTION_DAY", "CHILD_MAX_RSS_MB")
        names += ("DASHBOARD_PASS", "WEBHOOKS_PRIVATE", "VIDEO_TRANSCODING_SPEED", "REDIS_URI", "STORAGE_URI")
        assert unknown(*names) == sorted(names)

    def test_a_letter_less_is_told_with_what_is_meant(self) -> None:
        (line,) = unknown_names({"MAX_PENDNG": "5"}, VARIABLES)
        assert line == "MAX_PENDNG is no setting: MAX_PENDING is meant, it seems; rename it, or take it away"

    def test_of_a_plugin_too(self) -> None:
        assert problems({"THUMBNAIL_SIZE": "320"})[0].startswith("THUMBNAIL_SIZE is no setting: THUMBNAIL_SIZES is")

    def test_others_variables_are_passed_over(self) -> None:
        foreign = (
            *("PATH", "HOME", "API_KEY", "DATADIR", "PLUGIN", "HOSTNAME", "HOSTS", "REDIS_TLS_URL", "REDIS_PORT"),
            *("DATABASE_URL", "MAX_WORKERS", "WORKER_ID", "LOG_LEVEL", "SECRET", "SECRET_TOKEN", "EMBED_DIM", "DYNO"),
            *("RQ_REDIS_URL", "THUMBNAIL_QUALITY", "CHECKSUM_TYPE", "HTTP_REQUEST_TIMEOUT", "VIDEO_CODEC", "NODE_ENV"),
            *("DASHBOARD_SERVICE_HOST", "DASHBOARD_PORT_80_TCP_ADDR", "DASHBOARD_SERVICE_PORT_HTTP", "XDG_DATA_DIRS"),
        )  # fmt: skip
        assert unknown(*foreign, known=("THUMBNAIL_SIZES", "HTTP_REQUEST_URL")) == []

    def test_a_name_like_one_that_is_set_is_somebody_elses(self) -> None:
        assert unknown("REDIS_URL", "REDIS_URI") == []

    def test_an_empty_one_is_none(self) -> None:
        assert unknown_names({"MAX_PENDNG": ""}, VARIABLES) == []

    def test_a_type_of_one_word_begins_as_others_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = ModuleType("types_of_tests")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        module.__dict__["NODE"] = TaskType("Node", AnyPayload, "a:b")
        environ = {"TASK_TYPES": "types_of_tests:NODE", "NODE_ENV": "production", "NODE_RATE": "3"}
        assert Startup.from_env(URL | environ).types["Node"].rate == 3


class TestRefusal:
    @pytest.fixture(autouse=True)
    def _restored(self) -> Iterator[None]:
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        yield
        root.handlers[:] = handlers
        root.setLevel(level)

    @pytest.mark.parametrize("environ", [{}, {"LOG_FORMAT": "json"}])
    def test_a_line_for_each(self, environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        set_up_logging(environ)
        assert refuse("the worker", BadSettings(["A=1: write 2", "B is not set"]), environ) == 2
        lines = capsys.readouterr().err.splitlines()
        said = [json.loads(line)["message"] for line in lines] if environ else lines
        assert said == ["the worker cannot start: A=1: write 2", "the worker cannot start: B is not set"]


class TestBesideARun:
    def test_its_settings_are_found_and_no_secret_but_the_address(self, tmp_path: Path) -> None:
        folder = tmp_path
        run = {"REDIS_URL": "redis://:p%27w@h/0", "RQ_KEY_PREFIX": "{x}", "SECRET_KEY": "geheim", "FOREIGN": "geheim"}
        (folder / FILE).write_text(as_text(run | {"DATA_DIR": str(folder), "API_KEYS": "a:geheim"}))
        assert "geheim" not in (folder / FILE).read_text()
        found = beside_a_run({"DATA_DIR": str(folder), "DURABILITY": "fsync"})
        assert {name: found[name] for name in ("REDIS_URL", "RQ_KEY_PREFIX", "DURABILITY")} == {
            "REDIS_URL": "redis://:p%27w@h/0",
            "RQ_KEY_PREFIX": "{x}",
            "DURABILITY": "fsync",
        }
        given = {"DATA_DIR": str(folder), **URL}
        assert beside_a_run(given) is given
        nothing = {"DATA_DIR": str(folder / "elsewhere")}
        assert beside_a_run(nothing) is nothing


class TestSentinels:
    def test_hosts_service_and_options_are_told_apart(self) -> None:
        url = "rediss+sentinel://me:p%40s@a:1,b,[::1]:3/my%20tasks/2?ssl_ca_certs=/ca&sentinel_password=x&socket_timeout=3"
        found = sentinels(url)
        assert found
        assert found.hosts == (("a", 1), ("b", 26379), ("::1", 3))
        assert found.service == "my tasks"
        assert found.url == "rediss://me:p%40s@my%20tasks/2?ssl_ca_certs=%2Fca&socket_timeout=3"
        assert found.options == {"ssl": True, "ssl_ca_certs": "/ca", "password": "x"}
        assert "p@s" not in repr(found) + str(found) and "p%40s" not in repr(found) + str(found)
        assert sentinels("redis://a:1/0") is None

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("redis+sentinel://:secret@a:1,b:2", "cannot be read (it names no service)"),
            ("redis+sentinel://:secret@a:1,b:no/tasks", "cannot be read (one of its hosts is none"),
            ("redis+sentinel://:secret@a:1/tasks/first", "must name the database by its number"),
            ("redis+sentinel://:secret@a:1/tasks/0?nothing=1", "has an option that redis-py does not know"),
            ("redis+sentinel://:secret@a:1/tasks/0?sentinel_nothing=1", "has an option that redis-py does not know"),
        ],
    )
    def test_what_cannot_be_meant_is_said_without_the_password(self, url: str, said: str) -> None:
        (line,) = problems({"REDIS_URL": url})
        assert said in line
        assert "write it as redis+sentinel://:password@host1:26379,host2:26379/service/0" in line
        assert "secret" not in line

    def test_a_good_one_is_taken(self) -> None:
        url = "redis+sentinel://:secret@a:1,b:2/tasks/0?sentinel_username=me"
        assert read({"REDIS_URL": url})["REDIS_URL"] == url


def test_what_libraries_read_as_a_secret_is_one() -> None:
    """Also of a library that nobody has thought of. A plain word is none, or it would be hidden everywhere."""
    environ = {
        "AZURE_STORAGE_KEY": "a",
        "AWS_SESSION_TOKEN": "b",
        "AWS_ACCESS_KEY_ID": "c",
        "TOKENIZERS_PARALLELISM": "d",
    }
    assert list(secrets_of({**environ, "METRICS_TOKEN": "e", "API_KEYS": "acme:f,g"})) == ["a", "b", "e", "f", "g"]
