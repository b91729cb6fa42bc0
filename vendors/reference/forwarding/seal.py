"""One hop message sealed and opened with one key: one-time pad and one-time Poly1305. Pure functions.

The key of a message has `key_octets(len(payload))` octets: the pad of the payload, then 32 octets (r, s) of
Poly1305. The MAC is taken over what RFC 8439, 2.8 puts together from associated data (here the header) and
ciphertext, both lengths included, so that no octet can move from the one to the other. Forgery: D. J. Bernstein,
The Poly1305-AES message-authentication code, FSE 2005; r and s are of the hop's key and used once, so the bound
8 * ceil(L / 16) / 2^106 rests on no cipher.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from vendors.reference.cutter import exclusive_or

MAC_KEY_OCTETS = 32
TAG_OCTETS = 16
_BLOCK = 16


class TamperedError(Exception):
    """The message is not what the holder of the key sent. Holds nothing of it."""


def key_octets(payload_octets: int) -> int:
    """How long the key of a message is."""
    return payload_octets + MAC_KEY_OCTETS


def seal(key: bytes, header: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """(sealed, tag): `payload` exclusive-or the pad, and 16 octets over it and `header`.

    Args:
        key: `key_octets(len(payload))` octets, never used before and never again.
        header: sent in clear.

    Raises:
        ValueError: the key has another length.
    """
    if len(key) != key_octets(len(payload)):
        raise ValueError(f"the key of {len(payload)} octets has {key_octets(len(payload))}, not {len(key)}")
    sealed = exclusive_or(payload, key[:-MAC_KEY_OCTETS])
    return sealed, Poly1305.generate_tag(key[-MAC_KEY_OCTETS:], authenticated(header, sealed))


def unseal(key: bytes, header: bytes, sealed: bytes, tag: bytes) -> bytes:
    """The payload. The tag is compared in constant time.

    Raises:
        TamperedError: header, sealed or tag are not those that were sent, or the key is of another message.
    """
    if len(key) != key_octets(len(sealed)):
        raise TamperedError
    try:
        Poly1305.verify_tag(key[-MAC_KEY_OCTETS:], authenticated(header, sealed), tag)
    except InvalidSignature:
        raise TamperedError from None
    return exclusive_or(sealed, key[:-MAC_KEY_OCTETS])


def authenticated(header: bytes, sealed: bytes) -> bytes:
    """What the MAC is taken over (RFC 8439, 2.8): both, zero-padded to 16 octets, then both lengths."""
    lengths = len(header).to_bytes(8, "little") + len(sealed).to_bytes(8, "little")
    return b"".join((header, bytes(-len(header) % _BLOCK), sealed, bytes(-len(sealed) % _BLOCK), lengths))
