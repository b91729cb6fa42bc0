"""One SAE over the gRPC binding (qkd.kms.v1), answering in the shapes of 014 so that the same checks apply."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from harness.wire.bounds import bounded, remaining
from harness.wire.etsi014.answer import Answer
from harness.wire.etsi014.client import DEADLINE_S, KmeEndpoint, SaeClient
from harness.wire.etsi014.document import NO_BODY
from harness.wire.etsi014.grpc_reading import (
    NOT_ACCEPTED,
    container_document,
    read_error,
    status_document,
    struct_of,
)
from harness.wire.etsi014.identity import KmeIdentity, read_identity
from harness.wire.etsi014.recorder import Recorder
from harness.wire.evidence import Observer
from harness.wire.https import failure_text
from harness.wire.tls import Credentials, client_context
from qkd.kms.v1 import key_delivery_pb2 as kms
from qkd.kms.v1.key_delivery_pb2_grpc import KeyDeliveryServiceStub

_SERVICE = "/qkd.kms.v1.KeyDeliveryService/"
_METHODS = tuple(f"KeyDeliveryService/{method}" for method in ("GetStatus", "GetKey", "GetKeyWithKeyIds"))


class GrpcSaeClient(SaeClient):
    """An SAE over the gRPC binding with mutual TLS."""

    binding = "grpc"

    def __init__(
        self,
        sae_id: str,
        kme: KmeEndpoint,
        credentials: Credentials | None,
        trust_pem: bytes,
        observer: Observer,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        super().__init__(sae_id, kme.id)
        self._address = kme.grpc_address
        self._credentials = credentials
        self._trust = trust_pem
        self._context = client_context(trust_pem, credentials, alpn=("h2",))
        self._recorder = Recorder(observer, self.binding, sae_id, kme.id)
        observer.scrubber.allow(*_METHODS)
        self._deadline_s = deadline_s
        self._channel: grpc.Channel | None = None
        self._identity: KmeIdentity | None = None
        self._tls_version = ""
        self._lock = threading.Lock()

    def get_status(self, slave: str) -> Answer:
        """See `SaeClient.get_status`."""
        self._recorder.allow(slave)
        request = kms.GetStatusRequest(slave_sae_id=slave)
        return self._call("GetStatus", request, 0, lambda got: status_document(got.status))

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
        """See `SaeClient.get_key`; ``verb`` has no meaning here.

        Raises:
            ValueError: the message cannot say it (a number beyond 64 bits, an extension that is no object).
        """
        self._recorder.allow(slave, *(additional or ()))
        request = kms.GetKeyRequest(
            slave_sae_id=slave,
            additional_slave_sae_ids=additional or (),
            extension_mandatory=[struct_of(entry) for entry in extension_mandatory or ()],
            extension_optional=[struct_of(entry) for entry in extension_optional or ()],
        )
        if number is not None:
            request.number = number
        if size is not None:
            request.size = size
        wanted = max(0, number) if number is not None else 1
        return self._call("GetKey", request, wanted, lambda got: container_document(got.key_container))

    def get_key_with_ids(self, master: str, ids: Sequence[str], *, verb: str = "POST") -> Answer:
        """See `SaeClient.get_key_with_ids`; ``verb`` has no meaning here."""
        self._recorder.allow(master)
        request = kms.GetKeyWithKeyIdsRequest(master_sae_id=master, key_ids=[kms.KeyId(key_id=key) for key in ids])
        return self._call("GetKeyWithKeyIds", request, 0, lambda got: container_document(got.key_container))

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wanted_keys: int = 0,
    ) -> Answer:
        """There are no raw requests in this binding.

        Raises:
            ValueError: always.
        """
        raise ValueError("the gRPC binding has no raw requests")

    @property
    def identity(self) -> KmeIdentity | None:
        """See `SaeClient.identity`."""
        return self._identity

    def close(self) -> None:
        """Close the channel."""
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _call(
        self, method: str, request: Message, wanted: int, document_of: Callable[[Any], dict[str, object]]
    ) -> Answer:
        said = MessageToDict(request, preserving_proto_field_name=True)
        body = json.dumps(said).encode()
        asked, draws = f"{_SERVICE[1:]}{method} at {self._address}", method != "GetKeyWithKeyIds"
        with self._recorder.request(asked, {}, body, wanted, draws=draws) as record:
            try:
                channel = self._connected()
            except (OSError, ssl.SSLError) as wrong:
                failure = failure_text(wrong, in_handshake=True)
                return record.answer(status=None, failure=failure, headers={}, document=NO_BODY)
            try:
                got = getattr(KeyDeliveryServiceStub(channel), method)(request, timeout=self._deadline_s)
            except grpc.RpcError as wrong:
                status, failure, document, problems = read_error(wrong)
                seen = self._identity
                if failure == NOT_ACCEPTED and seen is not None and not seen.dns_names + seen.addresses:
                    failure += ": gRPC needs a DNS name or an IP address in it"
                if failure:
                    self.close()  # the next request starts afresh instead of waiting for the channel's back-off
                return record.answer(
                    status=status,
                    failure=failure,
                    headers={},
                    document=document,
                    tls_version=self._tls_version,
                    problems=problems,
                    lost=failure == "timeout" or failure.startswith("grpc: "),
                )
            return record.answer(status=200, headers={}, document=document_of(got), tls_version=self._tls_version)

    def _connected(self) -> grpc.Channel:
        with self._lock:
            if self._channel is None:
                self._look_at_server()
                options: list[tuple[str, Any]] = [
                    ("grpc.use_local_subchannel_pool", 1),
                    ("grpc.enable_retries", 0),
                    ("grpc.enable_http_proxy", 0),
                ]
                if self._identity is not None and self._identity.target_name:
                    options.append(("grpc.ssl_target_name_override", self._identity.target_name))
                mine = self._credentials
                credentials = grpc.ssl_channel_credentials(
                    self._trust,
                    mine.private_key_pem if mine is not None else None,
                    mine.certificate_pem if mine is not None else None,
                )
                self._channel = grpc.secure_channel(self._address, credentials, options)
            return self._channel

    def _look_at_server(self) -> None:
        # gRPC insists on a host name; the one in the certificate is taken, since 014 binds the KME ID, not the host.
        host, _, port = self._address.rpartition(":")
        host = host.strip("[]")
        with (
            bounded(self._deadline_s, 1024 * 1024),
            socket.create_connection((host, int(port)), timeout=remaining()) as bare,
            self._context.wrap_socket(bare, server_hostname=host) as live,
        ):
            self._tls_version = live.version() or ""
            certificate = live.getpeercert(binary_form=True)
        self._identity = read_identity(certificate, self.kme_id, host) if certificate else None
