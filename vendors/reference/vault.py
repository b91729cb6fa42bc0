"""Encryption at rest: nothing that is a key reaches the disk in clear."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_KEK_OCTETS = 32


class DamagedError(Exception):
    """Sealed octets do not open: the file was changed, or belongs to another store."""


class Vault:
    """Seals octets with AES-256-GCM under a key-encryption key in a file of its own (0600).

    What is sealed is bound to what it is: `label` names the row and is authenticated with it, so that rows
    cannot be exchanged for one another. Nonces are random; 2^32 seals under one key stay far away.
    """

    def __init__(self, kek: bytes) -> None:
        self._kek = kek
        self._cipher = AESGCM(kek)

    @classmethod
    def open(cls, path: Path) -> Vault:
        """The vault whose key is in `path`; makes the key if there is none.

        Raises:
            DamagedError: the file holds no key.
        """
        if not path.exists():
            draft = path.with_suffix(".new")  # a crash here leaves a draft, never half a key
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(os.urandom(_KEK_OCTETS))
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
        kek = path.read_bytes()
        if len(kek) != _KEK_OCTETS:
            raise DamagedError(f"{path.name} holds {len(kek)} octets instead of {_KEK_OCTETS}")
        return cls(kek)

    def secret(self, purpose: bytes) -> bytes:
        """32 octets for another purpose, the same in every life of the store."""
        return hmac.digest(self._kek, purpose, "sha256")

    def seal(self, octets: bytes, label: bytes) -> bytes:
        """`octets` encrypted and bound to `label`: nonce, ciphertext, tag."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, octets, label)

    def unseal(self, sealed: bytes, label: bytes) -> bytes:
        """What was sealed for `label`.

        Raises:
            DamagedError: it was not, or not by this vault.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], label)
        except InvalidTag:
            raise DamagedError("sealed octets do not open") from None
