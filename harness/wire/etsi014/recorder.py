"""Turns what happened on the wire into an `Answer` for the case and a redacted exchange for the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from harness.wire.etsi014.answer import Answer
from harness.wire.etsi014.container import read_container
from harness.wire.etsi014.document import Body, NoDocument, read_document
from harness.wire.etsi014.status import error_message
from harness.wire.evidence import Observer
from harness.wire.https import Reply
from qkd.run.v1.run_record_pb2 import Exchange


class Record:
    """One request under way; exactly one of `https` and `grpc` ends it."""

    def __init__(
        self, observer: Observer, exchange: Exchange, request_body: bytes | None, wanted: int, *, draws: bool
    ) -> None:
        self._observer = observer
        self._scrubber = observer.scrubber
        self._exchange = exchange
        self._request_body = request_body
        self._wanted = wanted
        self._draws = draws
        self.settled = False

    def https(self, reply: Reply) -> Answer:
        """The answer to a request over HTTPS."""
        document, problems = read_document(reply.body)
        # A cut answer may have been cut after its keys had left the KME.
        lost = reply.status is None and (reply.began or reply.failure == "timeout")
        return self.answer(
            status=reply.status,
            failure=reply.failure,
            headers=reply.headers,
            body=reply.body,
            document=document,
            tls_version=reply.tls_version,
            problems=(*reply.problems, *problems),
            lost=lost,
            reused=reply.reused,
        )

    def answer(
        self,
        *,
        status: int | None,
        failure: str = "",
        headers: Mapping[str, str],
        body: bytes = b"",
        document: object,
        tls_version: str = "",
        problems: tuple[str, ...] = (),
        lost: bool = False,
        reused: bool = False,
    ) -> Answer:
        """Record the exchange; ``lost`` says that keys may have been handed out that did not arrive."""
        scrubber, exchange = self._scrubber, self._exchange
        keys = read_container(document).keys
        for key in keys:
            scrubber.learn(key.material.octets())
        told = failure if failure in _PLAIN else scrubber.text(failure)
        exchange.took_s = self._observer.clock() - exchange.at_s
        exchange.status = status or 0
        exchange.failure = told
        exchange.tls_version = tls_version
        for name, value in scrubber.headers(headers).items():
            exchange.response_headers[name] = value
        if body or not isinstance(document, NoDocument):
            exchange.response_body = self.shown(body, document)
        if self._request_body:
            exchange.request_body = self.shown(self._request_body, read_document(self._request_body)[0])
        self.settled = True
        received = max(len(keys), self._wanted if lost else 0) if self._draws else 0
        reference = self._observer.observe(exchange, wanted=self._wanted, received=received)
        message = error_message(document)
        return Answer(
            status=status,
            failure=told,
            headers=dict(headers),
            body=Body(body),
            document=document,
            tls_version=tls_version,
            problems=problems,
            message_shown=scrubber.text(message, 120) if message is not None else "",
            binding=exchange.binding,
            observations=(_DIED,) if reused and status is None and failure == "closed" else (),
            reused=reused,
            reference=reference,
        )

    def shown(self, body: bytes, document: object) -> str:
        """A body as it may be written."""
        return self._scrubber.octets(body) if isinstance(document, NoDocument) else self._scrubber.document(document)

    def abandon(self) -> None:
        """Give back what was set aside for a request that was not sent."""
        self._exchange.failure = "not sent"
        self._observer.observe(self._exchange, wanted=self._wanted, received=0)


class Recorder:
    """Records the requests of one SAE at one KME over one binding."""

    def __init__(self, observer: Observer, binding: str, caller: str, kme: str) -> None:
        self._observer = observer
        self._scrubber = observer.scrubber
        self._binding = binding
        self._caller = caller
        self._kme = kme

    def allow(self, *identifiers: str) -> None:
        """These identifiers are known and may be written."""
        self._scrubber.allow(*identifiers)

    @contextmanager
    def request(
        self, request: str, headers: Mapping[str, str], body: bytes | None, wanted: int, *, draws: bool
    ) -> Iterator[Record]:
        """Authorise a request for ``wanted`` keys and record what the block makes of it.

        ``draws``: keys in the answer leave the pool; those of Get key with key IDs left it before.

        Raises what the observer raises.
        """
        self._observer.authorise(wanted)
        exchange = Exchange(
            at_s=self._observer.clock(),
            binding=self._binding,
            caller=self._caller,
            kme=self._kme,
            request=self._scrubber.text(request),
            request_headers=self._scrubber.headers(headers),
        )
        record = Record(self._observer, exchange, body, wanted, draws=draws)
        try:
            yield record
        finally:
            if not record.settled:
                record.abandon()


_DIED = "the connection had served a request before; the server closed it when the next one came"
_PLAIN = frozenset({"", "refused", "timeout", "closed", "tls: closed"})
