"""Signed links: for one tenant, one subject and one day, whichever gateway made them."""

import re
from uuid import UUID

import pytest

from broker.errors import NotFound
from broker.secrets.links import LIFETIME_SECONDS, LinkExpired, SignedLinks, source_of

TENANT = UUID("9f6be17e-3a3a-5e7c-8b0a-0d5f4ad9bd6c")
NOW = 1_700_000_000.0
links = SignedLinks("a secret", lambda: NOW)


def test_a_signature_is_one_segment_of_a_path() -> None:
    signature = links.sign(TENANT, "video")
    assert re.fullmatch(rf"{TENANT.hex}\.{int(NOW) + 86_400}\.[A-Za-z0-9_-]{{43}}", signature)
    assert links.tenant_id(signature, "video") == TENANT


def test_links_of_an_earlier_release_open() -> None:
    earlier = "00000000000000000000000000000007.1700086400.dVktJ5JPwUxVUJQCfdSpDJvLLWXPcpDXo9BPjc1dOJU"
    assert SignedLinks("new,old", lambda: NOW).tenant_id(earlier, "v") == UUID(int=7)


@pytest.mark.parametrize("subject", ["other", "", "video ", source_of("video")])
def test_a_signature_opens_no_other_subject(subject: str) -> None:
    with pytest.raises(NotFound):
        links.tenant_id(links.sign(TENANT, "video"), subject)


@pytest.mark.parametrize("seconds", [-3600, -5, 0, LIFETIME_SECONDS])
def test_gateways_whose_clocks_differ_agree_on_a_link_until_it_ends(seconds: float) -> None:
    other = SignedLinks("a secret", lambda: NOW + seconds)
    assert other.tenant_id(links.sign(TENANT, "video"), "video") == TENANT


def test_a_link_ends_after_a_day() -> None:
    with pytest.raises(LinkExpired):
        SignedLinks("a secret", lambda: NOW + LIFETIME_SECONDS + 1).tenant_id(links.sign(TENANT, "video"), "video")


def test_the_first_key_signs_and_all_are_accepted() -> None:
    both = SignedLinks("new, a secret", lambda: NOW)
    assert both.tenant_id(links.sign(TENANT, "video"), "video") == TENANT
    signed_by_new = both.sign(TENANT, "video")
    assert SignedLinks("new", lambda: NOW).tenant_id(signed_by_new, "video") == TENANT
    with pytest.raises(NotFound):
        links.tenant_id(signed_by_new, "video")


@pytest.mark.parametrize("signature", ["", ".", "..", "x", "\u0664", "a.b.c", "." * 50, f"{TENANT.hex}.9999999999."])
def test_what_was_not_signed_opens_nothing(signature: str) -> None:
    with pytest.raises(NotFound):
        links.tenant_id(signature, "video")
