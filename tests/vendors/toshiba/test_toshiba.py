"""Keys of a T12 pair as the KMSs of both sites get them: by ETSI GS QKD 014."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from harness.pki import Authority
from qkd.device.v1 import module_pb2 as pb
from qkd.vendor.v1.vendor_pb2 import Credentials
from tests.vendors.emulation.handover.bench014 import Caller, client_context
from tests.vendors.emulation.rig import RX, TX, account, rig
from vendors.toshiba.vendor import Toshiba

pytestmark = pytest.mark.anyio
SETTINGS = {"block_octets": "64", "duty": "0.02"}


async def test_both_kmss_get_equal_keys_by_014_and_the_account_balances(tmp_path: Path) -> None:
    authority = Authority()
    async with rig(Toshiba(), tmp_path) as net, aiohttp.ClientSession() as session:
        kmes = {"a/m": "kme-a", "b/m": "kme-b"}
        ends = []
        for port, peer, role in (("a/m", "b/m", TX), ("b/m", "a/m", RX)):
            issued = authority.issue_kme(port)
            credentials = Credentials(
                certificate_pem=issued.certificate_pem,
                private_key_pem=issued.private_key_pem,
                trust_pem=authority.certificate_pem,
            )
            end = await net.module(
                port, role, SETTINGS, credentials=credentials, local_kme_id=kmes[port], peer_kme_id=kmes[peer]
            )
            await end.configure([peer], "O")
            await end("Start", pb.StartRequest())
            ends.append(end)
        await net.tuned("O", "a/m", "b/m")
        await net.advance(6)
        callers = [
            Caller(
                end.response.etsi014_url,
                session,
                client_context(authority.issue_kme(kme), authority.certificate_pem),
            )
            for end, kme in zip(ends, kmes.values(), strict=True)
        ]
        taken = (await callers[0].enc("kme-b", number=5)).keys
        assert len(taken) == 5
        assert {len(key) for key in taken.values()} == {64}
        assert (await callers[1].dec("kme-a", *taken)).keys == taken
        for end in ends:
            status = await end("GetStatus", pb.GetStatusRequest())
            assert status.handed_over_bits == 5 * 64 * 8
            assert account(status)
