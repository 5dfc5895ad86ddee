"""Guards what each storage promises beyond the interface: nothing left behind, no way out, failures in our words."""

import io
import os
import shutil
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from random import Random
from types import SimpleNamespace

import boto3
import pytest
from moto.s3.models import s3_backends

from broker.errors import NotFound, StorageFull, TaskTimeout, Unavailable
from broker.media import room
from broker.media.local import LocalStorage
from broker.media.open_storage import open_storage
from broker.media.s3 import S3Storage
from broker.media.storage import InvalidKey, Storage
from tests.full_disk import LARGEST, no_large_files

__all__ = ["no_large_files"]


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


class Interrupted(io.RawIOBase):
    """Yields whole multipart parts, then raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.sent = 0

    def read(self, size: int = -1) -> bytes:
        if self.sent > 20 * 1024 * 1024:
            raise self.error
        self.sent += size
        return bytes(size)


class TestLocal:
    def test_a_put_leaves_the_object_and_nothing_else(self, tmp_path: Path) -> None:
        storage = LocalStorage(tmp_path)
        storage.put("t/id/source", io.BytesIO(b"x"))
        with pytest.raises(TaskTimeout):
            storage.put("t/other/source", Interrupted(TaskTimeout()))
        assert files(tmp_path) == [".unfinished", "t", "t/id", "t/id/source"]

    def test_bytes_are_on_disk_before_their_name_and_the_name_before_the_answer(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What a power cut leaves is what the calls before it put on disk, so their order is the promise."""
        storage, events = LocalStorage(tmp_path), list[str]()
        fsync, replace = os.fsync, os.replace

        def record_fsync(descriptor: int) -> None:
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            written = f"{path.stat().st_size} bytes" if path.is_file() else str(path.relative_to(tmp_path))
            events.append(f"flush {written}")
            fsync(descriptor)

        def record_replace(source: Path, target: Path) -> None:
            events.append("rename")
            replace(source, target)

        monkeypatch.setattr(os, "fsync", record_fsync)
        monkeypatch.setattr(os, "replace", record_replace)
        storage.put("t/id/source", io.BytesIO(bytes(3_000_000)))
        assert events == ["flush 3000000 bytes", "flush .", "flush t", "rename", "flush t/id"]

    def test_delete_removes_the_folders_it_empties(self, tmp_path: Path) -> None:
        storage = LocalStorage(tmp_path)
        for key in ("t/id/hls/360p/1", "t/id/hls/720p/1", "t/id/source", "t/kept/source"):
            storage.put(key, io.BytesIO(b"x"))
        storage.delete("t/id/hls/360p/1")
        assert not (tmp_path / "t/id/hls/360p").exists()
        storage.delete("t/id/")
        assert files(tmp_path) == [".unfinished", "t", "t/kept", "t/kept/source"]

    def test_an_object_cannot_lie_below_another(self, tmp_path: Path) -> None:
        storage = LocalStorage(tmp_path)
        storage.put("t/a", io.BytesIO(b"x"))
        storage.put("t/b/c", io.BytesIO(b"x"))
        for key in ("t/a/b", "t/a/b/c", "t/b"):
            with pytest.raises(InvalidKey):
                storage.put(key, io.BytesIO(b"y"))
        assert files(tmp_path) == [".unfinished", "t", "t/a", "t/b", "t/b/c"]

    def test_a_symbolic_link_leads_nowhere(self, tmp_path: Path) -> None:
        secret = tmp_path / "outside"
        secret.mkdir()
        (secret / "file").write_bytes(b"secret")
        storage = LocalStorage(tmp_path / "media")
        storage.put("t/real", io.BytesIO(b"x"))
        (tmp_path / "media/t/folder").symlink_to(secret)
        (tmp_path / "media/t/link").symlink_to(secret / "file")
        calls: list[Callable[[str], object]] = [
            storage.open,
            storage.stat,
            storage.delete,
            lambda key: storage.put(key, io.BytesIO(b"overwritten")),
            lambda key: storage.local_file(key).__enter__(),
        ]
        for key in ("t/folder/file", "t/link"):
            for call in calls:
                with pytest.raises(InvalidKey):
                    call(key)
        assert list(storage.keys("t/")) == ["t/real"]
        with pytest.raises(InvalidKey):
            list(storage.keys("t/folder/"))
        assert storage.delete("t/") == 1
        assert (secret / "file").read_bytes() == b"secret"

    def test_the_root_itself_may_be_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "media").symlink_to(tmp_path / "disk")
        storage = LocalStorage(tmp_path / "media")
        storage.put("t/a", io.BytesIO(b"x"))
        assert (tmp_path / "disk/t/a").read_bytes() == b"x"
        assert list(storage.keys("t/")) == ["t/a"]

    def test_files_of_dead_writers_go_and_those_of_living_ones_stay(self, tmp_path: Path) -> None:
        storage, unfinished = LocalStorage(tmp_path), tmp_path / ".unfinished"
        for name, age in (("dead", 3700), ("alive", 3500)):
            (unfinished / name).write_bytes(b"half")
            os.utime(unfinished / name, (time.time() - age,) * 2)
        assert storage.remove_unfinished(3600, lambda keys: set()) == 1
        assert files(tmp_path) == [".unfinished", ".unfinished/alive"]

    def test_readers_never_see_a_mixture(self, tmp_path: Path) -> None:
        """Writers replace one object while readers read it and a third party deletes its folder."""
        storage = LocalStorage(tmp_path)
        bodies = [bytes([number]) * 200_000 for number in range(4)]
        failures: list[BaseException | bytes] = []

        def write(body: bytes) -> None:
            for _ in range(40):
                storage.put("t/deep/folder/object", io.BytesIO(body))

        def remove() -> None:
            for _ in range(150):
                storage.delete("t/")

        def read() -> None:
            for _ in range(150):
                try:
                    with storage.open("t/deep/folder/object") as stream:
                        seen = stream.read()
                except NotFound:
                    continue
                if seen not in bodies:
                    failures.append(seen[:1])

        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        works = [remove, read, read, *[lambda body=body: write(body) for body in bodies]]
        threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failures
        storage.delete("t/")
        assert files(tmp_path) == [".unfinished"]

    def test_a_folder_that_cannot_be_used_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(Unavailable) as raised:
            LocalStorage(tmp_path / "file")
        assert str(tmp_path) not in raised.value.message


class TestS3:
    @pytest.mark.parametrize("error", [OSError("the sender went away"), TaskTimeout()])
    def test_an_interrupted_upload_leaves_no_parts_to_pay_for(self, bucket: str, error: BaseException) -> None:
        with pytest.raises(type(error)):
            S3Storage(bucket).put("t/clip", Interrupted(error))
        client = boto3.client("s3", region_name="us-east-1")
        assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
        assert "Contents" not in client.list_objects_v2(Bucket=bucket)

    def test_prefixes_separate_and_slashes_around_them_do_not_count(self, bucket: str) -> None:
        S3Storage(bucket, "/one/").put("t/a", io.BytesIO(b"x"))
        assert list(S3Storage(bucket, "one").keys("t/")) == ["t/a"]
        assert list(S3Storage(bucket, "on").keys("t/")) == list(S3Storage(bucket).keys("t/")) == []
        assert list(S3Storage(bucket).keys("one/")) == ["one/t/a"]

    def test_more_objects_than_one_page_are_listed_and_deleted(self, bucket: str) -> None:
        expected = sorted(f"t/segments/{number}.m4s" for number in range(2005))
        backend = s3_backends["123456789012"]["aws"]
        for key in expected:
            backend.put_object(bucket, key, b"")
        storage = S3Storage(bucket)
        assert list(storage.keys("t/")) == expected
        assert storage.delete("t/") == 2005
        assert list(storage.keys("t/")) == []

    def test_parts_of_dead_uploads_go_and_those_of_living_ones_stay(self, bucket: str) -> None:
        """By the last part that came, not by when the upload began: of which moto says that it was in 2010."""
        client = boto3.client("s3", region_name="us-east-1")
        uploads = {}
        for key in ("mine/t/begun", "mine/t/going-on", "another/t/begun"):
            uploads[key] = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        name = {"Bucket": bucket, "Key": "mine/t/going-on", "UploadId": uploads["mine/t/going-on"]}
        client.upload_part(**name, PartNumber=1, Body=b"x")
        storage = S3Storage(bucket, "mine")
        assert storage.remove_unfinished(3600, lambda keys: set()) == 1
        left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
        assert {each["Key"] for each in left} == {"mine/t/going-on", "another/t/begun"}
        assert storage.remove_unfinished(-60, lambda keys: set()) == 1

    def test_age_is_told_by_the_servers_own_clock(self, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
        storage = S3Storage(bucket)
        storage.put("t/a", io.BytesIO(b"x"))
        monkeypatch.setattr("broker.media.s3.time", SimpleNamespace(time=lambda: 4e9))
        (found,) = storage.walk()
        assert -1 <= found.seconds < 60

    def test_a_server_that_is_away_is_unavailable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        storage = S3Storage("bucket")
        for call in (storage.stat, storage.open, storage.delete, lambda key: list(storage.keys(f"{key}/"))):
            with pytest.raises(Unavailable) as raised:
                call("t/a")
            assert "127.0.0.1" not in raised.value.message

    def test_a_missing_bucket_is_our_fault_and_not_a_missing_file(self, bucket: str) -> None:
        with pytest.raises(Unavailable):
            S3Storage("no-such-bucket").open("t/a")
        with pytest.raises(Unavailable):
            S3Storage("no-such-bucket").put("t/a", io.BytesIO(b"x"))

    def test_a_body_that_breaks_off_is_unavailable(self, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
        storage = S3Storage(bucket)
        storage.put("t/a", io.BytesIO(Random(1).randbytes(1_000_000)))
        stream = storage.open("t/a")
        assert len(stream.read(10)) == 10
        body = stream.raw._body  # type: ignore[attr-defined]
        body._raw_stream._fp.fp.raw._sock.shutdown(2)
        with pytest.raises(Unavailable):
            stream.read()


class TestWalk:
    def test_all_objects_are_there_with_those_of_a_folder_together(self, storage: Storage) -> None:
        keys = {f"{tenant}/{media}/{name}" for tenant in "ab" for media in "cd" for name in ("e/f", "g", "h")}
        for key in keys:
            storage.put(key, io.BytesIO(b"x"))
        walked = list(storage.walk())
        assert {each.key for each in walked} == keys
        folders = [each.key.rpartition("/")[0][:3] for each in walked]
        assert len(list(groupby(folders))) == 4
        assert all(-1 <= each.seconds < 60 for each in walked)

    def test_what_goes_meanwhile_does_no_harm(self, storage: Storage) -> None:
        for number in range(20):
            storage.put(f"t/{number}/a", io.BytesIO(b"x"))
        walk = storage.walk()
        next(walk)
        storage.delete("t/")
        assert len(list(walk)) < 20

    def test_so_many_are_removed_and_no_more(self, storage: Storage) -> None:
        for number in range(5):
            storage.put(f"t/{number}/a", io.BytesIO(b"x"))
        storage.put("t2/a", io.BytesIO(b"x"))
        assert [storage.delete("t/", 3), storage.delete("t/", 3), storage.delete("t/", 3)] == [3, 2, 0]
        storage.put("t2/b", io.BytesIO(b"x"))
        storage.delete_keys(["t2/a", "t2/missing"])
        assert list(storage.keys("t2/")) == ["t2/b"]

    def test_a_folder_is_as_old_as_its_disk_says(self, tmp_path: Path) -> None:
        storage = LocalStorage(tmp_path)
        storage.put("t/id/source", io.BytesIO(b"x"))
        os.utime(tmp_path / "t/id/source", (time.time() - 1000,) * 2)
        (found,) = storage.walk()
        assert 999 < found.seconds < 1060

    def test_a_large_folder_takes_no_memory(self, tmp_path: Path) -> None:
        storage = LocalStorage(tmp_path)
        (tmp_path / "t").mkdir()
        for number in range(20_000):
            (tmp_path / "t" / str(number)).touch()
        tracemalloc.start()
        try:
            assert sum(1 for _ in storage.walk()) == 20_000
            assert tracemalloc.get_traced_memory()[1] < 200_000
        finally:
            tracemalloc.stop()


class TestUnusable:
    """What no storage can do is never told as a missing file: 503, or 507 where there is no room."""

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(Unavailable) as raised:
            LocalStorage(tmp_path / "file/media")
        assert raised.value.status == 503

    def test_a_folder_that_is_gone(self, tmp_path: Path) -> None:
        storage = LocalStorage(tmp_path / "media")
        storage.put("t/a", io.BytesIO(b"x"))
        shutil.rmtree(tmp_path / "media")
        calls: list[Callable[[], object]] = [
            lambda: storage.put("t/b", io.BytesIO(b"x")),
            lambda: storage.open("t/a"),
            lambda: storage.stat("t/a"),
            lambda: storage.check(),
        ]
        for call in calls:
            with pytest.raises(Unavailable):
                call()

    def test_a_disk_without_room(self, tmp_path: Path, no_large_files: None) -> None:
        storage = LocalStorage(tmp_path)
        with pytest.raises(StorageFull) as raised:
            storage.put("t/large", io.BytesIO(bytes(LARGEST + 1)))
        assert raised.value.status == 507
        assert files(tmp_path) == [".unfinished"]
        assert storage.put("t/small", io.BytesIO(b"x")) == 1

    def test_what_shares_the_disk_has_room_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A twentieth: of 40 MiB, two."""
        mib = 1024 * 1024

        def disk(_: int) -> SimpleNamespace:
            used = sum(path.stat().st_size for path in tmp_path.rglob("*"))
            return SimpleNamespace(f_blocks=40 * mib, f_frsize=1, f_bavail=6 * mib - used)

        monkeypatch.setattr(room, "os", SimpleNamespace(fstatvfs=disk))
        storage = LocalStorage(tmp_path)
        state = storage.resumable.begin("t/grows")
        storage.put("t/first", io.BytesIO(bytes(2 * mib)))
        with pytest.raises(StorageFull):
            storage.put("t/second", io.BytesIO(bytes(2 * mib)))
        with pytest.raises(StorageFull):
            storage.resumable.append("t/grows", state, io.BytesIO(bytes(2 * mib)), 0, 2 * mib, 2 * mib)
        storage.put("t/small", io.BytesIO(b"x"))
        with pytest.raises(StorageFull):
            for number in range(4):
                storage.put(f"t/{number}", io.BytesIO(bytes(mib // 2)))
                storage.check()
        storage.delete("t/first")
        storage.check()
        untold = SimpleNamespace(f_blocks=0, f_frsize=1, f_bavail=0)
        monkeypatch.setattr(room, "os", SimpleNamespace(fstatvfs=lambda _: untold))
        storage.put("t/large", io.BytesIO(bytes(8 * mib)))

    def test_a_bucket_that_is_not_there(self, bucket: str, tmp_path: Path) -> None:
        storage = S3Storage("no-such-bucket")
        calls: list[Callable[[], object]] = [
            lambda: storage.stat("t/a"),
            lambda: storage.put("t/a", io.BytesIO(b"x")),
            lambda: storage.local_file("t/a").__enter__(),
            lambda: storage.check(),
        ]
        for call in calls:
            with pytest.raises(Unavailable):
                call()

    def test_a_trial_leaves_nothing(self, storage: Storage) -> None:
        storage.put("check/a", io.BytesIO(b"x"))
        storage.check()
        storage.check(thoroughly=True)
        assert list(storage.keys("check/")) == ["check/a"]

    def test_a_trial_at_a_server_that_is_away_is_over_in_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
            started = time.monotonic()
            with pytest.raises(Unavailable):
                S3Storage("bucket").check()
            assert time.monotonic() - started < 8


class TestOpenStorage:
    def test_the_default_is_a_folder_in_the_data_dir(self, tmp_path: Path) -> None:
        open_storage("", tmp_path).put("t/a", io.BytesIO(b"x"))
        assert (tmp_path / "media/t/a").read_bytes() == b"x"

    @pytest.mark.parametrize("form", ["file://{}", "file://localhost{}"])
    def test_a_file_url_names_the_folder(self, tmp_path: Path, form: str) -> None:
        url = form.format(f"{tmp_path}/a%20folder")
        open_storage(url, tmp_path / "unused").put("t/a", io.BytesIO(b"x"))
        assert (tmp_path / "a folder/t/a").read_bytes() == b"x"
        assert not (tmp_path / "unused").exists()

    def test_an_s3_url_names_bucket_and_prefix(self, bucket: str, tmp_path: Path) -> None:
        open_storage(f"s3://{bucket}/a/prefix", tmp_path).put("t/a", io.BytesIO(b"x"))
        assert list(S3Storage(bucket).keys("a/")) == ["a/prefix/t/a"]

    @pytest.mark.parametrize(
        "url", ["file://relative/folder", "file:///", "s3://", "s3:///prefix", "/folder", "http://host/x", "s3://b?x=1"]
    )
    def test_anything_else_is_refused_with_the_two_forms(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"STORAGE_URL.*file:///.*s3://"):
            open_storage(url, tmp_path)
