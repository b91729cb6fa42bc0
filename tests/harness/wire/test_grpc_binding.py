"""The gRPC binding answers in the shapes of 014, whatever the KME at the other end does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from harness.pki import Authority
from harness.wire.etsi014 import Answer, KmeEndpoint, SaeClient, open_client
from harness.wire.evidence import EvidenceLog
from harness.wire.purse import BudgetExhausted, Purse
from harness.wire.tls import Credentials
from qkd.kms.v1 import key_delivery_pb2 as kms
from qkd.kms.v1 import key_delivery_pb2_grpc as kms_grpc
from tests.harness.wire.scripted import Bench, http, says_and_closes

KEY = bytes(range(100, 132))
ID = "550e8400-e29b-41d4-a716-446655440000"
Handler = Callable[[Any, grpc.ServicerContext], Any]


def refuse(context: grpc.ServicerContext, code: grpc.StatusCode, rich: status_pb2.Status | bytes | None) -> None:
    if rich is not None:
        raw = rich if isinstance(rich, bytes) else rich.SerializeToString()
        context.set_trailing_metadata((("grpc-status-details-bin", raw),))
    context.abort(code, "details of the refusal")


def rich(code: int, reason: str, domain: str = "qkd.kms.v1", **metadata: str) -> status_pb2.Status:
    detail = AnyMessage()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata))
    return status_pb2.Status(code=code, message="told", details=[detail])


class Kme(kms_grpc.KeyDeliveryServiceServicer):
    """A KME that plays ``handler``; without one it serves."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.requests: list[Any] = []

    def GetStatus(self, request: kms.GetStatusRequest, context: grpc.ServicerContext) -> kms.GetStatusResponse:
        self.requests.append(request)
        if self.handler is not None:
            self.handler(request, context)
        status = kms.Status(
            source_kme_id="kme-a", target_kme_id="kme-b", master_sae_id="sae-1", slave_sae_id=request.slave_sae_id,
            key_size=256, stored_key_count=7, max_key_count=100, max_key_per_request=10, max_key_size=1024,
            min_key_size=64, max_sae_id_count=0,
        )  # fmt: skip
        status.status_extension["a"] = 1
        return kms.GetStatusResponse(status=status)

    def GetKey(self, request: kms.GetKeyRequest, context: grpc.ServicerContext) -> kms.GetKeyResponse:
        self.requests.append(request)
        if self.handler is not None and (made := self.handler(request, context)) is not None:
            return kms.GetKeyResponse(key_container=made)
        keys = [kms.Key(key_id=ID[:-1] + str(n), key=KEY) for n in range(request.number or 1)]
        return kms.GetKeyResponse(key_container=kms.KeyContainer(keys=keys))

    def GetKeyWithKeyIds(
        self, request: kms.GetKeyWithKeyIdsRequest, context: grpc.ServicerContext
    ) -> kms.GetKeyWithKeyIdsResponse:
        self.requests.append(request)
        keys = [kms.Key(key_id=entry.key_id, key=KEY) for entry in request.key_ids]
        return kms.GetKeyWithKeyIdsResponse(key_container=kms.KeyContainer(keys=keys))


@dataclass
class GrpcBench:
    """A gRPC KME and a client at it."""

    kme: Kme
    endpoint: KmeEndpoint
    client: SaeClient
    server: grpc.Server


def start(
    authority: Authority, kme: Kme, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
) -> tuple[grpc.Server, KmeEndpoint]:
    server = grpc.server(ThreadPoolExecutor(4))
    kms_grpc.add_KeyDeliveryServiceServicer_to_server(kme, server)
    issued = authority.issue_kme("kme-a", hosts)
    credentials = grpc.ssl_server_credentials(
        [(issued.private_key_pem, issued.certificate_pem)], authority.certificate_pem, require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, KmeEndpoint("kme-a", grpc_address=f"127.0.0.1:{port}")


@pytest.fixture
def over_grpc(bench: Bench) -> Iterator[GrpcBench]:
    kme = Kme()
    server, endpoint = start(bench.authority, kme)
    client = connect(bench, endpoint, bench.sae)
    yield GrpcBench(kme, endpoint, client, server)
    client.close()
    server.stop(None).wait(5)


def connect(bench: Bench, endpoint: KmeEndpoint, credentials: Credentials | None, deadline_s: float = 3) -> SaeClient:
    trust = bench.authority.certificate_pem
    return open_client("sae-1", endpoint, credentials, trust, bench.log, binding="grpc", deadline_s=deadline_s)


def test_keys_come_as_in_014(bench: Bench, over_grpc: GrpcBench) -> None:
    answer = over_grpc.client.get_key("sae-2", number=3, size=256, extension_mandatory=[{"a_b": [1, None, {"c": "d"}]}])
    assert answer.ok
    assert answer.served
    assert answer.container_problems() == []
    assert answer.media_problems() == []
    assert answer.delivery_problems(number=3, size=256) == []
    assert answer.binding == "grpc"
    assert answer.tls_version == "TLSv1.3"
    assert [key.material.octets() for key in answer.keys] == [KEY] * 3
    assert bench.log.purse.drawn == 3
    request = over_grpc.kme.requests[0]
    assert (request.number, request.size, request.HasField("number")) == (3, 256, True)
    plain = over_grpc.client.get_key("sae-2")
    assert len(plain.keys) == 1
    assert not over_grpc.kme.requests[1].HasField("number")
    assert not over_grpc.kme.requests[1].HasField("size")


def test_keys_by_id_and_status(over_grpc: GrpcBench) -> None:
    fetched = over_grpc.client.get_key_with_ids("sae-1", [ID])
    assert fetched.only_key is not None
    assert fetched.only_key.id == ID
    status = over_grpc.client.get_status("sae-2")
    assert status.status_problems() == []
    assert status.status_document is not None
    assert status.status_document.max_key_size == 1024
    assert status.status_document.slave_sae_id == "sae-2"
    assert status.status_document.status_extension == {"a": 1.0}


def test_the_identity_is_seen(over_grpc: GrpcBench) -> None:
    before = over_grpc.client.identity
    over_grpc.client.get_status("sae-2")
    seen = over_grpc.client.identity
    assert before is None
    assert seen is not None
    assert "CN" in seen.id_found_in


def test_evidence_is_redacted(bench: Bench, over_grpc: GrpcBench) -> None:
    over_grpc.client.get_key("sae-2")
    (exchange,) = bench.log.end_case()
    assert exchange.binding == "grpc"
    assert exchange.request.startswith("qkd.kms.v1.KeyDeliveryService/GetKey at 127.0.0.1:")
    assert exchange.status == 200
    assert json.loads(exchange.response_body)["keys"][0]["key"].startswith("(key 256 bit, hmac-sha256:")
    assert base64.b64encode(KEY).decode() not in str(exchange)


def asked(over_grpc: GrpcBench, code: grpc.StatusCode, details: status_pb2.Status | bytes | None) -> Answer:
    over_grpc.kme.handler = lambda _, context: refuse(context, code, details)
    return over_grpc.client.get_key("sae-2")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 400),
        (grpc.StatusCode.PERMISSION_DENIED, 401),
        (grpc.StatusCode.UNAUTHENTICATED, 401),
        (grpc.StatusCode.UNAVAILABLE, 503),
    ],
)
def test_well_formed_refusals(over_grpc: GrpcBench, code: grpc.StatusCode, status: int) -> None:
    details = rich(code.value[0], "SOME_REASON", etsi_status=str(status), etsi_message="size shall be a multiple of 8")
    answer = asked(over_grpc, code, details)
    assert answer.refused_with(status)
    assert answer.rejected
    assert answer.error_message == "size shall be a multiple of 8"
    assert answer.error_problems() == []
    assert answer.describe() == f"{status} 'size shall be a multiple of 8'"


@pytest.mark.parametrize(
    ("code", "details", "problem"),
    [
        (grpc.StatusCode.UNKNOWN, None, "UNKNOWN without google.rpc.ErrorInfo"),
        (grpc.StatusCode.INVALID_ARGUMENT, None, "without google.rpc.ErrorInfo"),
        (grpc.StatusCode.INVALID_ARGUMENT, b"\xff\xff\xff", "cannot be read"),
        (grpc.StatusCode.INVALID_ARGUMENT, status_pb2.Status(code=3), "without google.rpc.ErrorInfo"),
        (grpc.StatusCode.INVALID_ARGUMENT, rich(3, "lower", etsi_status="400"), "UPPER_SNAKE_CASE"),
        (grpc.StatusCode.INVALID_ARGUMENT, rich(3, "R_X", "elsewhere", etsi_status="400"), "domain"),
        (grpc.StatusCode.INVALID_ARGUMENT, rich(3, "R_X"), "etsi_status"),
        (grpc.StatusCode.INVALID_ARGUMENT, rich(3, "R_X", etsi_status="4OO"), "etsi_status"),
        (grpc.StatusCode.INVALID_ARGUMENT, rich(3, "R_X", etsi_status="503"), "INVALID_ARGUMENT with etsi_status 503"),
        (grpc.StatusCode.UNKNOWN, rich(2, "R_X", etsi_status="400"), "bare UNKNOWN"),
    ],
)
def test_ill_formed_refusals_are_problems(
    over_grpc: GrpcBench, code: grpc.StatusCode, details: status_pb2.Status | bytes | None, problem: str
) -> None:
    answer = asked(over_grpc, code, details)
    assert answer.rejected
    assert problem in " ".join(answer.error_problems())


def test_a_crash_of_the_handler_leaks_nothing(bench: Bench, over_grpc: GrpcBench) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError(f"no place for {KEY.hex()}")

    over_grpc.kme.handler = crash
    answer = over_grpc.client.get_key("sae-2")
    assert "UNKNOWN" in " ".join(answer.problems)
    assert KEY.hex() not in str(bench.log.end_case())
    assert KEY.hex() not in answer.describe()


def test_a_key_in_an_error_message_is_scrubbed(bench: Bench, over_grpc: GrpcBench) -> None:
    text = base64.b64encode(KEY).decode()
    details = rich(14, "R_X", etsi_status="503", etsi_message=f"lost {text}")
    answer = asked(over_grpc, grpc.StatusCode.UNAVAILABLE, details)
    assert text not in answer.describe()
    assert text not in str(bench.log.end_case())


def test_silence_is_a_timeout(bench: Bench, over_grpc: GrpcBench) -> None:
    done = threading.Event()
    over_grpc.kme.handler = lambda *_: done.wait(3)
    client = connect(bench, over_grpc.endpoint, bench.sae, deadline_s=0.4)
    answer = client.get_key("sae-2", number=2)
    done.set()
    client.close()
    assert (answer.status, answer.failure, answer.rejected) == (None, "timeout", False)
    assert bench.log.purse.drawn == 2


def test_no_listener(over_grpc: GrpcBench) -> None:
    over_grpc.server.stop(None).wait(5)
    answer = over_grpc.client.get_status("sae-2")
    assert answer.failure == "refused"


def test_a_restart_of_the_kme_is_survived(bench: Bench, over_grpc: GrpcBench) -> None:
    assert over_grpc.client.get_status("sae-2").ok
    over_grpc.server.stop(None).wait(5)
    assert over_grpc.client.get_status("sae-2").failure in {"refused", "closed"}
    again = grpc.server(ThreadPoolExecutor(2))
    kms_grpc.add_KeyDeliveryServiceServicer_to_server(over_grpc.kme, again)
    issued = bench.authority.issue_kme("kme-a")
    credentials = grpc.ssl_server_credentials([(issued.private_key_pem, issued.certificate_pem)])
    again.add_secure_port(over_grpc.endpoint.grpc_address, credentials)
    again.start()
    answers = [over_grpc.client.get_status("sae-2") for _ in range(2)]
    again.stop(None).wait(5)
    assert answers[-1].ok


@pytest.mark.parametrize("who", ["nobody", "foreigner"])
def test_callers_that_must_not_come_in(bench: Bench, over_grpc: GrpcBench, who: str) -> None:
    issued = Authority("another CA").issue_sae("sae-1")
    credentials = Credentials(issued.certificate_pem, issued.private_key_pem) if who == "foreigner" else None
    client = connect(bench, over_grpc.endpoint, credentials)
    answer = client.get_status("sae-2")
    client.close()
    assert answer.status is None
    assert answer.rejected, answer.failure


def test_a_server_that_the_harness_does_not_trust_has_not_refused(bench: Bench, over_grpc: GrpcBench) -> None:
    wrong = Authority("wrong CA").certificate_pem
    client = open_client("sae-1", over_grpc.endpoint, bench.sae, wrong, bench.log, binding="grpc", deadline_s=3)
    answer = client.get_status("sae-2")
    client.close()
    assert answer.failure.startswith("tls: server certificate not accepted")
    assert not answer.rejected


def test_a_port_that_speaks_no_http_2(bench: Bench) -> None:
    _, kme = bench.serve(says_and_closes(http(b"{}")))
    client = connect(bench, KmeEndpoint("kme-a", grpc_address=kme.url.removeprefix("https://")), bench.sae, 2)
    answer = client.get_status("sae-2")
    client.close()
    assert answer.failure == "grpc: the server does not speak HTTP/2"
    assert not answer.rejected


def test_a_certificate_without_any_host_name_is_told_apart(bench: Bench) -> None:
    server, endpoint = start(bench.authority, Kme(), ())
    client = connect(bench, endpoint, bench.sae)
    answer = client.get_status("sae-2")
    client.close()
    server.stop(None).wait(5)
    assert "gRPC needs a DNS name" in answer.failure
    assert not answer.rejected


@pytest.mark.parametrize("hosts", [("kme.example.org",), ("10.0.0.1",)])
def test_the_host_name_in_the_certificate_does_not_matter(bench: Bench, hosts: tuple[str, ...]) -> None:
    server, endpoint = start(bench.authority, Kme(), hosts)
    client = connect(bench, endpoint, bench.sae)
    answer = client.get_status("sae-2")
    client.close()
    server.stop(None).wait(5)
    assert answer.ok, answer.failure


def test_an_answer_beyond_the_bound(bench: Bench, over_grpc: GrpcBench) -> None:
    keys = [kms.Key(key_id=ID, key=b"k" * 1024) for _ in range(5000)]
    over_grpc.kme.handler = lambda *_: kms.KeyContainer(keys=keys)
    answer = over_grpc.client.get_key("sae-2", number=2)
    assert answer.status is None
    assert answer.failure.startswith("grpc: ")
    assert bench.log.purse.drawn == 2


def test_odd_containers_are_judged_like_those_of_https(over_grpc: GrpcBench) -> None:
    over_grpc.kme.handler = lambda *_: kms.KeyContainer(keys=[kms.Key(key_id="no-uuid", key=b"")])
    problems = " ".join(over_grpc.client.get_key("sae-2").container_problems())
    assert "UUID" in problems
    assert "is empty" in problems
    over_grpc.kme.handler = lambda *_: kms.KeyContainer()
    assert "empty" in " ".join(over_grpc.client.get_key("sae-2").container_problems())


def test_what_the_message_cannot_say_is_the_callers_fault(over_grpc: GrpcBench) -> None:
    for wrong in ({"number": 2**70}, {"extension_mandatory": ["text"]}):
        with pytest.raises(ValueError, match=r"."):
            over_grpc.client.get_key("sae-2", **wrong)
    with pytest.raises(ValueError, match="raw"):
        over_grpc.client.send("GET", "/")


def test_a_budget_keeps_a_request_from_being_sent(bench: Bench, over_grpc: GrpcBench) -> None:
    log = EvidenceLog(Purse(2))
    trust = bench.authority.certificate_pem
    client = open_client("sae-1", over_grpc.endpoint, bench.sae, trust, log, binding="grpc")
    with pytest.raises(BudgetExhausted):
        client.get_key("sae-2", number=3)
    client.close()
    assert over_grpc.kme.requests == []
