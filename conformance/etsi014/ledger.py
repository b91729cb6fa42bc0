"""The keys that a campaign saw handed out by Get key, for the judgement of their quality at its end."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from conformance.quality import Specimen
from harness.wire.etsi014 import Answer, KmeIdentity, SaeClient


class KeyLedger:
    """Remembers keys in the order in which they came. Thread-safe; shows nothing of them.

    Keys fetched by key ID are copies and are left out. Keys whose size is no multiple of 8 do not count as whole
    (which bits of those are padding is open, A12), nor do keys won by requests that are not in the words of 014.
    """

    def __init__(self, default_size: int = 256) -> None:
        """``default_size``: bits of a key whose size the request does not say."""
        self.default_size = default_size
        self._specimens: list[Specimen] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"KeyLedger({len(self._specimens)} keys)"

    def watch(self, client: SaeClient) -> SaeClient:
        """``client``, with the keys that it takes entered here."""
        return _Watched(client, self)

    def enter(self, source: str, answer: Answer, *, size: int | None = None, plain: bool = True) -> None:
        """Enter the keys of an answer to Get key by the KME ``source``; ``plain``: asked for in the words of 014."""
        if not answer.ok:
            return
        whole = plain and (self.default_size if size is None else size) % 8 == 0
        new = [Specimen(key.id, key.material.octets(), source, whole) for key in answer.keys]
        with self._lock:
            self._specimens.extend(new)

    def specimens(self) -> tuple[Specimen, ...]:
        """All keys so far."""
        with self._lock:
            return tuple(self._specimens)


class _Watched(SaeClient):
    def __init__(self, client: SaeClient, ledger: KeyLedger) -> None:
        super().__init__(client.id, client.kme_id)
        self.binding = client.binding
        self._client = client
        self._ledger = ledger

    def get_status(self, slave: str) -> Answer:
        return self._client.get_status(slave)

    def get_key(
        self,
        slave: str,
        *,
        number: int | None = None,
        size: int | None = None,
        additional: Sequence[str] | None = None,
        extension_mandatory: Sequence[object] | None = None,
        extension_optional: Sequence[object] | None = None,
        verb: str = "POST",
    ) -> Answer:
        answer = self._client.get_key(
            slave,
            number=number,
            size=size,
            additional=additional,
            extension_mandatory=extension_mandatory,
            extension_optional=extension_optional,
            verb=verb,
        )
        self._ledger.enter(self.kme_id, answer, size=size)
        return answer

    def get_key_with_ids(self, master: str, ids: Sequence[str], *, verb: str = "POST") -> Answer:
        return self._client.get_key_with_ids(master, ids, verb=verb)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wanted_keys: int = 0,
    ) -> Answer:
        answer = self._client.send(method, path, body=body, headers=headers, wanted_keys=wanted_keys)
        if "/dec_keys" not in path:
            self._ledger.enter(self.kme_id, answer, plain=False)
        return answer

    @property
    def identity(self) -> KmeIdentity | None:
        return self._client.identity

    def close(self) -> None:
        self._client.close()
