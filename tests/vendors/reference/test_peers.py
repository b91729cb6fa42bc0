"""The channel between KMEs: nothing is handed out that the other end does not have, and nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from qkd.reference.v1.kme_peer_pb2 import Grant, PeerMessage, Share
from tests.vendors.reference.rig import AUTHORITY, Rig, in_loop, planted_block, planted_stream, raised
from vendors.reference.channel import Channel
from vendors.reference.keeper import Keeper
from vendors.reference.kme import Parts
from vendors.reference.link import Link
from vendors.reference.settings import KmeSettings
from vendors.reference.tls import KmeCredentials, Tls

KEY_ID = bytes(range(16))


def grant(offset: int = 0, key_id: bytes = KEY_ID, slaves: Sequence[str] = ("sae-2",), **members: object) -> Grant:
    given = {"bits": 256, "master_sae_id": "sae-1"} | members
    return Grant(key_id=key_id, offset=offset, slave_sae_ids=slaves, **given)  # type: ignore[arg-type]


@in_loop
async def test_without_its_peer_a_kme_says_so_at_once(tmp_path: Path) -> None:
    async with raised(tmp_path, start=["kme-a"]) as rig:
        one = await rig.sae("sae-1")
        began = time.monotonic()
        assert (await one.enc("sae-2")).status == 503
        assert (await one.status("sae-2")).json["stored_key_count"] == 0
        assert time.monotonic() - began < 1


@in_loop
async def test_kmes_find_each_other_again_in_any_order(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        first = await one.get_key("sae-2")
        for name in ("kme-b", "kme-a"):
            await rig.stop(name)
            await rig.start(name)
            await rig.stocked()
        key_id, key = await one.get_key("sae-2")
        assert key != first[1]
        assert (await two.dec("sae-1", key_id, first[0])).keys == {key_id: key, first[0]: first[1]}


@in_loop
async def test_a_peer_that_hangs_costs_one_wait_and_the_keys_are_burned(tmp_path: Path) -> None:
    settings = KmeSettings(peer_timeout_s=0.1)
    async with raised(tmp_path, settings=settings) as rig:
        one = await rig.sae("sae-1")
        listener = rig.kmes["kme-b"].listener
        deaf = asyncio.Event()
        for channel in listener._open:
            channel.received = lambda _channel, _message: deaf.set()
        answer = await one.enc("sae-2", {"number": 3})
        assert (answer.status, list(answer.json)) == (503, ["message"])
        assert deaf.is_set()
        await rig.stocked()
        _, key = await one.get_key("sae-2")
        assert key == planted_block("kme-a--kme-b", 0)[96:128]  # the octets of three keys are gone
        assert rig.kmes["kme-b"].database.read("SELECT count(*) FROM copy") == [(1,)]


@in_loop
async def test_a_peer_that_goes_away_while_it_is_told(tmp_path: Path) -> None:
    class Quitter(Keeper):
        def keep(self, share: Share, link: Link) -> str:
            super().keep(share, link)
            raise ConnectionResetError

    async with raised(tmp_path, parts=Parts(keeper=Quitter, stream=planted_stream(8))) as rig:
        one = await rig.sae("sae-1")
        began = time.monotonic()
        assert (await one.enc("sae-2")).status == 503
        assert time.monotonic() - began < 1
        assert rig.kmes["kme-b"].database.read("SELECT count(*) FROM copy") == [(1,)]  # and nobody knows its ID


@in_loop
async def test_what_a_keeper_refuses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    async with raised(tmp_path, blocks=4) as rig:
        kme = rig.kmes["kme-b"]
        link, keeper = kme.links["kme-a"], Keeper(kme.provision.network, kme.database, kme.copies, kme.delivery.cutter)

        def keep(*grants: Grant) -> str:
            return keeper.keep(Share(grants=grants), link)

        assert "malformed" in keep(grant(key_id=b"short"))
        assert "malformed" in keep(grant(bits=0))
        assert "malformed" in keep(grant(mask=b"x"))
        assert "not here" in keep(grant(1024))
        assert "not here" in keep(grant(1000))
        assert "master" in keep(grant(master_sae_id="sae-2"))
        assert "master" in keep(grant(master_sae_id="nobody"))
        assert "slave" in keep(grant(slaves=["sae-4"]))
        assert "slave" in keep(grant(slaves=[]))
        assert "used up" in keep(grant(), grant(8, b"o" * 16))
        assert kme.database.read("SELECT count(*) FROM copy") == [(0,)]
        assert keep(grant(), grant(32, b"o" * 16)) == ""
        assert keep(grant(), grant(32, b"o" * 16)) == ""  # told again: kept once
        assert "used up" in keep(grant(key_id=b"n" * 16))
        assert kme.database.read("SELECT count(*) FROM copy") == [(2,)]


async def dial(rig: Rig, tls: Tls) -> tuple[Channel, asyncio.Queue[PeerMessage | None]]:
    """A connection to KME B's port for peers; None in the queue = it is gone."""
    heard: asyncio.Queue[PeerMessage | None] = asyncio.Queue()
    host, _, port = rig.endpoints["kme-b"].peer.rpartition(":")
    _, channel = await asyncio.get_running_loop().create_connection(
        lambda: Channel(lambda _: None, lambda _, message: heard.put_nowait(message), lambda _: heard.put_nowait(None)),
        host,
        int(port),
        ssl=tls.dial_context(),
        server_hostname="",
    )
    return channel, heard


@in_loop
async def test_only_a_peer_is_listened_to(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        for issued in (AUTHORITY.issue_sae("sae-1"), AUTHORITY.issue_kme("kme-z"), AUTHORITY.issue_kme("kme-b")):
            credentials = KmeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)
            channel, heard = await dial(rig, Tls(credentials, KmeSettings()))
            channel.send(PeerMessage(share=Share(sequence=1, link_id="kme-a--kme-b", grants=[grant()])))
            async with asyncio.timeout(2):
                assert await heard.get() is None
        assert rig.kmes["kme-b"].database.read("SELECT count(*) FROM copy") == [(0,)]


@in_loop
async def test_a_line_that_reaches_another_kme_hangs_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with raised(tmp_path, start=["kme-a"], saes={"sae-1": "kme-a", "sae-2": "kme-b"}) as rig:
        host, _, port = rig.endpoints["kme-a"].peer.rpartition(":")
        rig.kmes["kme-a"].connect({"kme-b": f"{host}:{port}"})  # itself, by mistake
        async with asyncio.timeout(2):
            while "names another" not in caplog.text:  # noqa: ASYNC110 - bounded; a log sets no event
                await asyncio.sleep(0.01)
        assert rig.kmes["kme-a"].links["kme-b"].available == 0


@in_loop
async def test_nonsense_on_the_channel_ends_it(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        issued = AUTHORITY.issue_kme("kme-a")
        credentials = KmeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)
        for nonsense in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x04\xff\xff\xff\xff"):
            channel, heard = await dial(rig, Tls(credentials, KmeSettings()))
            assert isinstance(await heard.get(), PeerMessage)
            assert channel._transport is not None
            channel._transport.write(nonsense)
            async with asyncio.timeout(2):
                assert await heard.get() is None


def test_peers_speak_tls_1_3_with_certificates() -> None:
    issued = AUTHORITY.issue_kme("kme-a")
    tls = Tls(KmeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem), KmeSettings())
    for context in (tls.listen_context(), tls.dial_context()):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
        assert context.verify_mode is ssl.CERT_REQUIRED
