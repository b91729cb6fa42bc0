"""What a campaign saw: every typed answer, every key; for the cases that judge all of it at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.wire.etsi014 import Answer, KmeIdentity, SaeClient

GET_STATUS = "Get status"
GET_KEY = "Get key"
GET_KEY_WITH_IDS = "Get key with key IDs"


@dataclass(frozen=True)
class Seen:
    """One answer and what it answers.

    Attributes:
        method: `GET_STATUS`, `GET_KEY` or `GET_KEY_WITH_IDS`.
        caller: the SAE that asked.
        other: the SAE in the path.
        binding: "https" or "grpc".
        answer: what came back.
        number: keys asked for; None = default (Get key), or the number of key IDs.
        size: bits asked for; None = default, or not said by the request.
        additional: further slaves named in a Get key.
        at_s: when it came, on the clock of the memory, seconds.
    """

    method: str
    caller: str
    other: str
    binding: str
    answer: Answer
    number: int | None = None
    size: int | None = None
    additional: tuple[str, ...] = ()
    at_s: float = 0.0

    def describe(self) -> str:
        """What was asked and what came back, one redacted line."""
        asked = [] if self.number is None else [f"number={self.number}"]
        asked += [] if self.size is None else [f"size={self.size}"]
        request = f"{self.method}({', '.join(asked)}) by {self.caller} over {self.binding}"
        return f"{request}: {self.answer.describe()}"


class Memory:
    """All answers to requests made in the words of 014, in order. Thread-safe; shows nothing of the keys."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._seen: list[Seen] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Memory({len(self._seen)} answers)"

    def watch(self, client: SaeClient) -> SaeClient:
        """``client``, with what it asks and gets remembered here."""
        return _Watched(client, self)

    def add(self, seen: Seen) -> Answer:
        """Remember one answer, and give it back."""
        with self._lock:
            self._seen.append(replace(seen, at_s=self.now()))
        return seen.answer

    def seen(self, *methods: str) -> tuple[Seen, ...]:
        """Everything so far, or what answers one of ``methods``."""
        with self._lock:
            return tuple(entry for entry in self._seen if not methods or entry.method in methods)


class _Watched(SaeClient):
    def __init__(self, client: SaeClient, memory: Memory) -> None:
        super().__init__(client.id, client.kme_id)
        self.binding = client.binding
        self._client = client
        self._memory = memory

    def get_status(self, slave: str) -> Answer:
        answer = self._client.get_status(slave)
        return self._memory.add(Seen(GET_STATUS, self.id, slave, self.binding, answer))

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
        seen = Seen(GET_KEY, self.id, slave, self.binding, answer, number, size, tuple(additional or ()))
        return self._memory.add(seen)

    def get_key_with_ids(self, master: str, ids: Sequence[str], *, verb: str = "POST") -> Answer:
        answer = self._client.get_key_with_ids(master, ids, verb=verb)
        return self._memory.add(Seen(GET_KEY_WITH_IDS, self.id, master, self.binding, answer, len(ids)))

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wanted_keys: int = 0,
    ) -> Answer:
        return self._client.send(method, path, body=body, headers=headers, wanted_keys=wanted_keys)

    @property
    def identity(self) -> KmeIdentity | None:
        return self._client.identity

    def close(self) -> None:
        self._client.close()
