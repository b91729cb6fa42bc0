"""Key IDs: UUIDs that the KME which issued them recognises, without keeping a list."""

import hmac
import os
from hashlib import blake2b

_MARK = 6  # octets
_HEAD = 10
_DRAWN = 128 * _HEAD  # asking the system for few octets costs as much as asking for many


class KeyNames:
    """Names keys. A name is 10 octets of head and 6 octets of mark; together they are a UUID.

    The mark is a MAC of the head under a secret of this KME's store. So the KME can tell a key that it
    issued for SAEs elsewhere (401 to anyone who asks for it here) from one that nobody knows (400): it
    takes an unknown key for its own with probability 2^-48.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._random = b""

    def new(self) -> bytes:
        """16 octets that were never used before, but for a probability that does not matter."""
        head = self.head()
        return head + self._mark(head)

    def head(self) -> bytes:
        """10 octets: those of a random UUID (version 4), which says nothing about order or place."""
        if not self._random:
            self._random = os.urandom(_DRAWN)
        octets, self._random = bytearray(self._random[:_HEAD]), self._random[_HEAD:]
        octets[6] = octets[6] & 0x0F | 0x40
        octets[8] = octets[8] & 0x3F | 0x80
        return bytes(octets)

    def is_own(self, key_id: bytes) -> bool:
        """Whether this KME issued the key."""
        return hmac.compare_digest(key_id[-_MARK:], self._mark(key_id[:-_MARK]))

    def _mark(self, head: bytes) -> bytes:
        return blake2b(head, digest_size=_MARK, key=self._secret).digest()
