"""Guards the settings: every variable is read, and a bad one is named with what it must be."""

from dataclasses import fields
from pathlib import Path

import pytest

from broker.config import BrokerSettings

URL = {"REDIS_URL": "redis://127.0.0.1:6379/0"}


def test_the_defaults() -> None:
    assert BrokerSettings.from_env(URL) == BrokerSettings(redis_url=URL["REDIS_URL"])


def test_every_setting_has_its_variable() -> None:
    environ = {
        "REDIS_URL": "rediss://there/1",
        "RQ_KEY_PREFIX": "{tasks}",
        "DURABILITY": "fsync",
        "DATA_DIR": "/data",
        "STORAGE_URL": "s3://bucket/prefix",
        "LEASE_SECONDS": "7.5",
        "MAX_CRASHES": "5",
        "MAX_PENDING": "0",
        "RETENTION_DAYS": "0.5",
        "WORKER_PROCESSES": "9",
        "DRAIN_SECONDS": "0",
        "SEARCH_MEMORY_MIB": "64",
        "SEARCH_HNSW_FROM": "500",
        "SEARCH_INDEX_DIR": "/srv/indexes",
        "SEARCH_KEEP_DAYS": "3",
        "CHILD_MAX_TASKS": "77",
        "CHILD_MAX_RSS_MIB": "512",
        "SECRET_KEY": "hush-hush-hush-hush",
        "MEDIA_RETENTION_DAYS": "90",
        "REPROCESS_KEEP_DAYS": "1",
        "UPLOAD_EXPIRES_HOURS": "1",
        "PUBLIC_URL": "https://tasks.example.com/",
        "WEBHOOKS_ALLOW_PRIVATE": "1",
        "ADOPT_RQ_URL": "redis://elsewhere/0",
        "ADOPT_RQ_PREFIX": "other",
        "ADOPT_RQ_QUEUES": "emails",
        "ADOPT_RQ_TENANT": "acme",
        "TASK_LOG_KIB": "8",
        "QUOTA_STORED_BYTES": "1",
        "QUOTA_UPLOADS_PER_DAY": "2",
        "QUOTA_REQUESTS_PER_MINUTE": "3",
        "QUOTA_WAITING_TASKS": "4",
        "QUOTA_CPU_SECONDS_PER_DAY": "5",
        "QUOTA_CPU_SECONDS_PER_MONTH": "6",
        "QUOTA_MEDIA_SECONDS_PER_DAY": "7",
        "QUOTA_MEDIA_SECONDS_PER_MONTH": "8",
    }
    settings = BrokerSettings.from_env(environ)
    default = BrokerSettings(redis_url="")
    assert all(getattr(settings, each.name) != getattr(default, each.name) for each in fields(settings))
    assert (settings.key_prefix, settings.data_dir, settings.lease_seconds) == ("{tasks}", Path("/data"), 7.5)
    assert "hush" not in repr(settings)


def test_an_empty_variable_is_none() -> None:
    empty = dict.fromkeys(
        ("RQ_KEY_PREFIX", "DURABILITY", "DATA_DIR", "LEASE_SECONDS", "MAX_CRASHES", "STORAGE_URL"), ""
    )
    assert BrokerSettings.from_env(URL | empty) == BrokerSettings.from_env(URL)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", ""),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "http://localhost"),
        ("RQ_KEY_PREFIX", "a b"),
        ("RQ_KEY_PREFIX", "a*"),
        ("DURABILITY", "always"),
        ("LEASE_SECONDS", "soon"),
        ("LEASE_SECONDS", "0"),
        ("LEASE_SECONDS", "nan"),
        ("LEASE_SECONDS", "inf"),
        ("MAX_CRASHES", "0"),
        ("MAX_CRASHES", "2.5"),
        ("MAX_PENDING", "-1"),
        ("RETENTION_DAYS", "-1"),
        ("WORKER_PROCESSES", "1000"),
        ("WORKER_PROCESSES", "two"),
        ("DRAIN_SECONDS", "-1"),
        ("CHILD_MAX_TASKS", "0"),
        ("CHILD_MAX_RSS_MIB", "1"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        BrokerSettings.from_env(URL | {name: value})
