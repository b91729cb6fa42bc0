"""The gRPC binding says the same as HTTPS."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from harness.pki import Authority
from harness.sdk import read_error
from qkd.kms.v1 import key_delivery_pb2 as wire
from qkd.kms.v1.key_delivery_pb2_grpc import KeyDeliveryServiceStub
from tests.vendors.reference.rig import AUTHORITY, Rig, in_loop, raised
from vendors.reference.copies import State


@asynccontextmanager
async def stub(rig: Rig, sae_id: str, at: str | None = None) -> AsyncIterator[Any]:
    """KeyDeliveryService as the SAE reaches it."""
    issued = AUTHORITY.issue_sae(sae_id)
    credentials = grpc.ssl_channel_credentials(
        AUTHORITY.certificate_pem, issued.private_key_pem, issued.certificate_pem
    )
    address = rig.endpoints[at or rig.saes[sae_id]].grpc
    async with grpc.aio.secure_channel(address, credentials) as channel:
        yield KeyDeliveryServiceStub(channel)


async def refusal(call: Any) -> tuple[str, str, str, str]:
    """Code, reason, ETSI status and message of a call that is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = read_error(caught.value)
    assert error.domain == "qkd.kms.v1"
    return error.code.name, error.reason, error.metadata["etsi_status"], error.metadata["etsi_message"]


def fetch(master: str, *key_ids: str) -> wire.GetKeyWithKeyIdsRequest:
    return wire.GetKeyWithKeyIdsRequest(master_sae_id=master, key_ids=[wire.KeyId(key_id=i) for i in key_ids])


@in_loop
async def test_status_and_keys_over_both_bindings(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig, stub(rig, "sae-1") as one, stub(rig, "sae-2") as two:
        status = (await one.GetStatus(wire.GetStatusRequest(slave_sae_id="sae-2"))).status
        over_https = (await (await rig.sae("sae-1")).status("sae-2")).json
        assert {field.name: value for field, value in status.ListFields()} == {
            name.lower(): value for name, value in over_https.items()
        }
        taken = (await one.GetKey(wire.GetKeyRequest(slave_sae_id="sae-2", number=2, size=65))).key_container.keys
        assert [len(key.key) for key in taken] == [9, 9]
        fetched = await two.GetKeyWithKeyIds(fetch("sae-1", taken[1].key_id))
        assert list(fetched.key_container.keys) == [taken[1]]
        answer = await (await rig.sae("sae-2")).dec("sae-1", taken[0].key_id)
        assert answer.keys == {taken[0].key_id: taken[0].key}
        default = (await one.GetKey(wire.GetKeyRequest(slave_sae_id="sae-2"))).key_container.keys
        assert [len(key.key) for key in default] == [32]


@in_loop
async def test_a_key_is_erased_when_the_answer_has_gone_out(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig, stub(rig, "sae-1") as one, stub(rig, "sae-2") as two:
        (key,) = (await one.GetKey(wire.GetKeyRequest(slave_sae_id="sae-2"))).key_container.keys
        await two.GetKeyWithKeyIds(fetch("sae-1", key.key_id))
        assert (await refusal(two.GetKeyWithKeyIds(fetch("sae-1", key.key_id))))[1] == "KEYS_NOT_FOUND"
        copies = rig.kmes["kme-b"].copies
        async with asyncio.timeout(2):
            while copies.of_key(uuid.UUID(key.key_id).bytes)[0].state != State.DELIVERED:  # noqa: ASYNC110 - bounded
                await asyncio.sleep(0.005)


@in_loop
async def test_refusals(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig, stub(rig, "sae-1") as one, stub(rig, "sae-3") as three:
        (key,) = (await one.GetKey(wire.GetKeyRequest(slave_sae_id="sae-2"))).key_container.keys
        foreign = await refusal(three.GetKeyWithKeyIds(fetch("sae-1", key.key_id)))
        assert foreign[:3] == ("PERMISSION_DENIED", "SAE_NOT_SUPPLIED", "401")
        unknown = await refusal(three.GetKeyWithKeyIds(fetch("sae-1", str(uuid.uuid4()))))
        assert unknown == (
            "INVALID_ARGUMENT",
            "KEYS_NOT_FOUND",
            "400",
            "one or more keys specified are not found on KME",
        )
        mandatory = Struct()
        mandatory.update({"abc_route_type": "direct"})
        asked = wire.GetKeyRequest(slave_sae_id="sae-2", extension_mandatory=[mandatory])
        assert (await refusal(one.GetKey(asked)))[1:] == (
            "MANDATORY_UNSUPPORTED",
            "400",
            "not all extension_mandatory parameters are supported",
        )
        for request in (
            wire.GetKeyRequest(slave_sae_id="sae-2", number=0),
            wire.GetKeyRequest(slave_sae_id="sae-2", number=129),
            wire.GetKeyRequest(slave_sae_id="sae-2", size=1025),
            wire.GetKeyRequest(slave_sae_id="nobody"),
            wire.GetKeyRequest(),
        ):
            code, _, status, _ = await refusal(one.GetKey(request))
            assert (code, status) == ("INVALID_ARGUMENT", "400")
        empty = await refusal(one.GetKey(wire.GetKeyRequest(slave_sae_id="sae-2", number=128, size=1024)))
        assert (empty[0], empty[2]) == ("UNAVAILABLE", "503")


@in_loop
async def test_extensions_are_met_and_echoed(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig, stub(rig, "sae-1") as one:
        direct = Struct()
        direct.update({"qkdh_route_type": "direct"})
        asked = wire.GetKeyRequest(slave_sae_id="sae-2", extension_mandatory=[direct])
        assert (await one.GetKey(asked)).key_container.key_container_extension == direct


@in_loop
async def test_only_the_certificate_says_who_calls(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig, stub(rig, "nobody", at="kme-a") as stranger:
        request = wire.GetKeyRequest(slave_sae_id="sae-2")
        refused = await refusal(stranger.GetKey(request, metadata=(("sae-id", "sae-1"), ("x-sae-id", "sae-1"))))
        assert refused[:3] == ("UNAUTHENTICATED", "SAE_UNKNOWN", "401")


@in_loop
async def test_no_handshake_without_a_trusted_certificate(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        foreign = Authority().issue_sae("sae-1")
        for pair in ((None, None), (foreign.private_key_pem, foreign.certificate_pem)):
            credentials = grpc.ssl_channel_credentials(AUTHORITY.certificate_pem, *pair)
            async with grpc.aio.secure_channel(rig.endpoints["kme-a"].grpc, credentials) as channel:
                call = KeyDeliveryServiceStub(channel).GetStatus(wire.GetStatusRequest(slave_sae_id="sae-2"))
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
