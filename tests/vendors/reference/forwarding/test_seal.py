"""Sealing and splitting, without any wire."""

from __future__ import annotations

from collections import Counter

import pytest
from cryptography.hazmat.primitives.poly1305 import Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from vendors.reference.cutter import exclusive_or
from vendors.reference.forwarding.hops import HopKey
from vendors.reference.forwarding.seal import MAC_KEY_OCTETS, TamperedError, key_octets, seal, unseal
from vendors.reference.forwarding.shares import join, split

OCTETS = st.binary(max_size=80)


def test_the_mac_is_that_of_rfc_8439_2_5_2() -> None:
    key = bytes.fromhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
    tag = Poly1305.generate_tag(key, b"Cryptographic Forum Research Group")
    assert tag.hex() == "a8061dc1305136c6c22b8baf0c0127a9"


def test_header_and_sealed_are_framed_as_in_rfc_8439_2_8_2() -> None:
    mac_key = bytes.fromhex("7bac2b252db447af09b67a55a4e955840ae1d6731075d9eb2a9375783ed553ff")
    header = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    ciphertext = bytes.fromhex(
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
        "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
        "3ff4def08e4b7a9de576d26586cec64b6116"
    )
    sealed, tag = seal(bytes(len(ciphertext)) + mac_key, header, ciphertext)
    assert sealed == ciphertext
    assert tag.hex() == "1ae10b594f09e26a7e902ecbd0600691"


def keyed(payload: bytes) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=key_octets(len(payload)), max_size=key_octets(len(payload)))


@settings(max_examples=50)
@given(st.data(), OCTETS, OCTETS)
def test_what_is_sealed_can_be_opened_with_the_same_key(data: st.DataObject, header: bytes, payload: bytes) -> None:
    key = data.draw(keyed(payload))
    sealed, tag = seal(key, header, payload)
    assert exclusive_or(sealed, key[: len(payload)]) == payload
    assert unseal(key, header, sealed, tag) == payload


@settings(max_examples=50)
@given(st.data(), OCTETS, OCTETS)
def test_no_bit_can_be_changed(data: st.DataObject, header: bytes, payload: bytes) -> None:
    pad = data.draw(st.binary(min_size=len(payload), max_size=len(payload)))
    key = pad + bytes(range(100, 100 + MAC_KEY_OCTETS))  # r = 0, which hypothesis likes, authenticates nothing
    sealed, tag = seal(key, header, payload)
    wire = header + sealed + tag
    bit = data.draw(st.integers(0, 8 * len(wire) - 1))
    flipped = exclusive_or(wire, (1 << bit).to_bytes(len(wire)))
    changed = flipped[: len(header)], flipped[len(header) : -len(tag)], flipped[-len(tag) :]
    with pytest.raises(TamperedError):
        unseal(key, *changed)


@settings(max_examples=50)
@given(st.data(), st.binary(min_size=1, max_size=80), st.binary(min_size=1, max_size=80))
def test_no_octet_moves_between_header_and_sealed(data: st.DataObject, header: bytes, payload: bytes) -> None:
    key = bytes(len(payload)) + bytes(range(100, 100 + MAC_KEY_OCTETS))
    sealed, tag = seal(key, header, payload)
    cut = data.draw(st.integers(0, len(header) + len(sealed)).filter(lambda at: at != len(header)))
    moved = header + sealed
    with pytest.raises(TamperedError):
        unseal(bytes(len(moved) - cut) + key[-MAC_KEY_OCTETS:], moved[:cut], moved[cut:], tag)


def test_a_key_of_another_length_opens_nothing() -> None:
    with pytest.raises(ValueError, match="36"):
        seal(bytes(35), b"", b"four")
    with pytest.raises(TamperedError):
        unseal(bytes(35), b"", b"four", bytes(16))


def test_a_key_is_used_once_and_never_shown() -> None:
    key = HopKey("the-id", b"secret octets")
    assert "secret" not in repr(key)
    assert key.spend() == b"secret octets"
    with pytest.raises(RuntimeError):
        key.spend()


@settings(max_examples=50)
@given(st.data(), st.integers(1, 8), st.integers(1, 40))
def test_all_shares_give_the_block(data: st.DataObject, shares: int, octets: int) -> None:
    pieces = [data.draw(st.binary(min_size=octets, max_size=octets)) for _ in range(shares)]
    parts = split(pieces[0], pieces[1:])
    assert len(parts) == shares
    assert join(parts) == pieces[0]


@settings(max_examples=50)
@given(st.data(), st.integers(2, 8), st.integers(1, 40))
def test_all_shares_but_one_go_with_any_block(data: st.DataObject, shares: int, octets: int) -> None:
    """For every other block just one choice of masks gives the same shares: they say nothing of the block."""
    one, other, *masks = (data.draw(st.binary(min_size=octets, max_size=octets)) for _ in range(shares + 1))
    missing = data.draw(st.integers(0, shares - 1))
    parts = split(one, masks)
    for i in range(shares - 1):
        if i == missing:
            masks[i] = exclusive_or(masks[i], exclusive_or(one, other))
    others = split(other, masks)
    assert [part for i, part in enumerate(others) if i != missing] == [
        part for i, part in enumerate(parts) if i != missing
    ]


def test_one_share_is_spread_evenly_whatever_the_block() -> None:
    masks = [bytes((mask,)) for mask in range(256)]
    for block in range(256):
        last = Counter(split(bytes((block,)), [mask])[1] for mask in masks)
        assert set(last.values()) == {1}
        assert len(last) == 256


@pytest.mark.parametrize("parts", [[], [b"1", b"22"]])
def test_shares_of_different_blocks_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(ValueError, match="length"):
        join(parts)
    if parts:
        with pytest.raises(ValueError, match="long"):
            split(parts[0], parts[1:])
