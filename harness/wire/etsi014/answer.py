"""What came back to one request, in the words of ETSI GS QKD 014. Nothing here raises: a bad answer is an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harness.wire.etsi014.container import ContainerReading, delivery_problems, read_container
from harness.wire.etsi014.document import NO_BODY, Body
from harness.wire.etsi014.keys import DeliveredKey
from harness.wire.etsi014.status import StatusDocument, error_message, error_problems, read_status
from harness.wire.evidence import Reference


def _unrecorded() -> int:
    return -1


@dataclass(frozen=True)
class Answer:
    """One answer, or the lack of one.

    Attributes:
        status: HTTP status (gRPC binding: 200, or ``etsi_status`` of the error); None = no complete answer.
        failure: why there is none: "refused" (no listener), "unreachable: …", "timeout", "closed",
            "tls: alert …" (the server refused), "tls: closed" (the server closed in the handshake),
            "tls: server certificate …" (the harness refused), "tls: …", "http: …", "grpc: …".
        headers: lower-case names; values of repeated headers are joined by ", "; not redacted.
        body: the octets, hidden.
        document: the parsed body, `NO_BODY` or `INVALID`; not redacted.
        tls_version: as negotiated, for instance "TLSv1.3"; empty when no handshake was completed.
        problems: what is wrong with the answer below the level of 014 (HTTP, UTF-8, JSON), redacted.
        observations: what is worth a note and breaks nothing, redacted.
        message_shown: `error_message` with everything scrubbed that could be a secret.
        binding: "https" or "grpc".
        reused: it came over a connection that had served a request before.
        reference: keeps the exchange in the evidence and gives its index; see `exchange`.
    """

    status: int | None
    failure: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body = field(default_factory=Body)
    document: object = field(default=NO_BODY, repr=False)
    tls_version: str = ""
    problems: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()
    message_shown: str = field(default="", repr=False)
    binding: str = "https"
    reused: bool = field(default=False, repr=False)
    reference: Reference = field(default=_unrecorded, repr=False, compare=False)

    @property
    def exchange(self) -> int:
        """Index of the exchange in the evidence of the running case (which keeps it from now on); -1 = unrecorded."""
        return self.reference()

    @property
    def ok(self) -> bool:
        """Status 200."""
        return self.status == 200

    @property
    def served(self) -> bool:
        """Status 200 with a document, or with anything that looks like a key."""
        return self.ok and (bool(self.keys) or isinstance(self.document, dict))

    @property
    def rejected(self) -> bool:
        """No key was handed out, and the other side said so.

        True for 4xx and 5xx without a key, for a TLS alert, and for a connection that the server closed unanswered.
        Silence (timeout), a listener that is not there, a certificate that the harness did not accept and gibberish
        are no rejection.
        """
        if self.status is not None:
            return 400 <= self.status <= 599 and not self.keys
        return self.failure == "closed" or self.failure.startswith(("tls: alert", "tls: closed"))

    def refused_with(self, *statuses: int) -> bool:
        """True when the status is one of ``statuses`` and no key came with it."""
        return self.status in statuses and not self.keys

    @property
    def error_message(self) -> str | None:
        """`message` of the Error object (6.5), unredacted; None when the body is none."""
        return error_message(self.document)

    def error_problems(self) -> list[str]:
        """How the body departs from an Error object (Table 13); empty = well formed."""
        return [*self.problems, *error_problems(self.document)]

    @property
    def keys(self) -> tuple[DeliveredKey, ...]:
        """Every key in the body, read leniently."""
        return self._container.keys

    @property
    def only_key(self) -> DeliveredKey | None:
        """The key, when the body holds exactly one."""
        return self.keys[0] if len(self.keys) == 1 else None

    def container_problems(self) -> list[str]:
        """How the body departs from a Key container (Table 11); empty = well formed."""
        return [*self.problems, *self._container.problems]

    def delivery_problems(self, *, number: int | None = None, size: int | None = None) -> list[str]:
        """How the keys depart from ``number`` keys of ``size`` bits, rounded up to octets (None = not looked at)."""
        return delivery_problems(self.keys, number, size)

    @property
    def container_observations(self) -> tuple[str, ...]:
        """What Table 11 neither asks for nor forbids, for instance further members."""
        return self._container.observations

    def status_problems(self) -> list[str]:
        """How the body departs from a Status (Table 9); empty = well formed."""
        return [*self.problems, *read_status(self.document)[1]]

    @cached_property
    def status_document(self) -> StatusDocument | None:
        """The Status, when its required members are there and well typed."""
        return read_status(self.document)[0]

    def media_problems(self) -> list[str]:
        """How the Content-Type departs from application/json in UTF-8 (Table 1); empty without a body."""
        if self.binding != "https" or not len(self.body):
            return []
        declared = self.headers.get("content-type", "")
        media, _, parameters = declared.partition(";")
        if not declared:
            return ["no Content-Type"]
        wrong = [] if media.strip().lower() == "application/json" else ["Content-Type is not application/json"]
        charset = parameters.lower().replace(" ", "").replace('"', "")
        if "charset=" in charset and "charset=utf-8" not in charset:
            wrong.append("Content-Type names a charset other than UTF-8")
        return wrong

    def describe(self) -> str:
        """One redacted line for people, for instance "200, 1 key (256 bit)"."""
        if self.status is None:
            return f"no answer: {self.failure}"
        if self.keys:
            sizes = sorted({key.material.bits for key in self.keys})
            bits = f"{sizes[0]} bit" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} bit"
            return f"{self.status}, {len(self.keys)} key{'s' * (len(self.keys) > 1)} ({bits})"
        if self.message_shown:
            return f"{self.status} '{self.message_shown}'"
        if self.status_document is not None:
            return f"{self.status}, status"
        if self.document is NO_BODY:
            return f"{self.status}, no body"
        return f"{self.status}, {len(self.body)} octets" + ("" if not self.problems else f" ({self.problems[0]})")

    @cached_property
    def _container(self) -> ContainerReading:
        return read_container(self.document)
