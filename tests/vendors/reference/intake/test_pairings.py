"""Sources that an agent gives to one peer after the other: nothing wrong is delivered, and nothing twice."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from harness.sdk import contract_server, read_error
from qkd.kms.v1 import control_pb2 as wire
from tests.vendors.reference.intake.paired import SETTINGS, Module, net, pairing, provision, waiting
from tests.vendors.reference.intake.sites import TOKEN
from tests.vendors.reference.kme_process import announce
from tests.vendors.reference.rig import AUTHORITY, in_loop
from vendors.emulation.handover.etsi014 import Etsi014Server
from vendors.emulation.handover.keys014 import Ends, Etsi014Settings
from vendors.emulation.handover.push import Backoff, TcpPusher
from vendors.emulation.handover.tls import TlsCredentials
from vendors.reference.clock import Clock
from vendors.reference.kme import Endpoints, ReferenceKme
from vendors.reference.source import SourceAddress, SourceKind
from vendors.reference.tls import KmeCredentials


@in_loop
async def test_a_module_goes_to_another_peer_and_its_first_keys_stay_with_the_first(tmp_path: Path) -> None:
    async with net(tmp_path) as rig:
        assert not rig.sites.kmes["kme-a"].links
        await rig.pair("a", "b", "s1")
        rig.make("a", "b", 12)
        await rig.stocked("a", "b", 6 * 64)
        keys = await rig.exchange("a", "b", 3)
        await rig.set("kme-b")
        await rig.pair("a", "c", "s2")
        rig.make("a", "c", 10)
        await rig.stocked("a", "c", 5 * 64)
        keys += await rig.exchange("a", "c", 4)
        keys += await rig.exchange("c", "a", 2)
        keys += await rig.exchange("a", "b", 2)  # out of what is left in stock
        keys += await rig.exchange("b", "a", 4)
        assert len(set(keys)) == len(keys)
        rig.check_links()
        await rig.check_accounts()
        at_a = (await rig.store("kme-a")).sources
        assert [(one.source_id, one.peer_kme_id, one.module_id, one.received_bits) for one in at_a] == [
            ("s1", "kme-b", "a/m", 12 * 512),
            ("s2", "kme-c", "a/m", 10 * 512),
        ]


@in_loop
async def test_taken_away_and_given_back(tmp_path: Path) -> None:
    async with net(tmp_path) as rig:
        await rig.pair("a", "b", "s1")
        rig.make("a", "b", 4)
        await rig.stocked("a", "b", 2 * 64)
        await rig.set("kme-a")
        await rig.set("kme-b")
        rig.make("a", "b", 4)
        for _ in range(100):
            await asyncio.sleep(0)
        assert rig.sites.kmes["kme-a"].links["kme-b"].held == 4
        assert len(rig.modules["a"].store.ready()) == 4
        await rig.pair("a", "b", "s2")  # another name, and the modules did not change
        await rig.stocked("a", "b", 4 * 64)
        rig.check_links()
        await rig.check_accounts()


@in_loop
async def test_blocks_that_a_module_gives_again_under_another_name_are_not_taken_twice(tmp_path: Path) -> None:
    async with net(tmp_path) as rig:
        for module in rig.modules.values():
            module.store.release = lambda next_sequence: None  # type: ignore[method-assign] # noqa: ARG005  # it never lets go
        await rig.pair("a", "b", "s1")
        rig.make("a", "b", 6)
        await rig.stocked("a", "b", 3 * 64)
        await rig.pair("a", "b", "s2")
        rig.make("a", "b", 2)
        await rig.stocked("a", "b", 4 * 64)
        assert rig.sites.kmes["kme-a"].links["kme-b"].held == 8
        rig.check_links()


@in_loop
async def test_pairings_change_all_the_time_and_at_one_end_first(tmp_path: Path) -> None:
    """Blocks come, some at one end only, while agents set pairings in any order and never at the same time."""
    chance = random.Random(11)
    now = 0.0
    clock = Clock(steady=lambda: now)
    async with net(tmp_path, settings=replace(SETTINGS, part_patience_s=2.0), clock=clock) as rig:
        keys: list[bytes] = []
        for turn in range(12):
            one, other = chance.sample("abc", 2)
            steps = [(one, other), (other, one)]
            chance.shuffle(steps)
            for end, peer in steps:
                await rig.set(f"kme-{end}", pairing(end, peer, f"s{turn}"))
                if chance.random() < 0.5:
                    rig.modules[end].configure(f"{peer}/m")
                    rig.make(end, peer, 2, lost=[peer])
            for end, peer in steps:
                rig.modules[end].configure(f"{peer}/m")
            rig.make(one, other, 5)
            rig.make(one, other, 2, lost=[chance.choice([one, other])], octets=40)
            rig.make(one, other, 3, octets=100)
            if chance.random() < 0.5:
                await rig.stocked(one, other, 64)
                keys += await rig.exchange(one, other)
        intakes = [one for kme in rig.sites.kmes.values() for one in kme.intakes.intakes.values()]

        def settled() -> bool:
            """Time passes, in steps that no end takes for a pause of its process."""
            nonlocal now
            now += 0.02
            return all(parts < 64 for intake in intakes for parts in intake.parts.pending.values())

        await rig.sites.until(settled, "settled")
        rig.check_links()
        await rig.check_accounts()
        assert len(keys) > 2
        assert len(set(keys)) == len(keys)


@in_loop
async def test_what_cannot_be_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with net(tmp_path) as rig:
        await rig.pair("a", "b", "s1")
        rig.make("a", "b", 2)
        await rig.stocked("a", "b", 64)
        readers = dict(rig.sites.kmes["kme-a"].intakes._readers)
        good = pairing("a", "b", "s1")
        bad = {
            "MODULE_UNKNOWN": [[good, pairing("x", "c", "s2")]],
            "PAIRING_INVALID": [[good, pairing("a", "c", "s2")], [pairing("a", "a", "s1")], [good, good]],
        }
        for reason, requests in bad.items():
            for request in requests:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await rig.set("kme-a", *request)
                error = read_error(caught.value)
                assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
        for name in ("monitor", "sae-a"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await rig.set("kme-a", name=name)
            assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.stub_call("kme-a", "GetApplications", wire.GetApplicationsRequest())
        assert read_error(caught.value).reason == "NOT_CONTROLLED"
        await rig.set("kme-a", good)
        assert rig.sites.kmes["kme-a"].intakes._readers == readers  # the same again disturbs nobody
        rig.make("a", "b", 2)
        await rig.stocked("a", "b", 2 * 64)


@in_loop
async def test_a_pairing_goes_on_after_a_restart_and_at_another_address(tmp_path: Path) -> None:
    async with net(tmp_path) as rig, AsyncExitStack() as stack:
        await rig.pair("a", "b", "s0")
        rig.make("a", "b", 4)
        await rig.stocked("a", "b", 2 * 64)
        await rig.pair("a", "b", "s1")
        rig.make("a", "b", 3)
        sites = rig.sites
        old = sites.kmes["kme-a"]
        (source,) = old.provision.sources
        await old.stop()
        kme = ReferenceKme(old.provision, tmp_path / "kme-a")
        sites.kmes["kme-a"], sites.endpoints["kme-a"] = kme, await kme.start()
        for end in "bc":
            kme.connect({f"kme-{end}": sites.endpoints[f"kme-{end}"].peer})
            sites.kmes[f"kme-{end}"].connect({"kme-a": sites.endpoints["kme-a"].peer})
        rig.make("a", "b", 5)
        await rig.stocked("a", "b", 6 * 64)
        server = await stack.enter_async_context(contract_server(rig.modules["a"], token=TOKEN))
        elsewhere = Module("a/m")
        with pytest.raises(ValueError, match="no source"):
            kme.move([SourceAddress("", server.address, TOKEN, "", SourceKind.MODULE_STREAM, "", "", "x/m")])
        nowhere = await stack.enter_async_context(contract_server(elsewhere, token=TOKEN))
        kme.move([waiting("a", nowhere.address)])
        rig.make("a", "b", 4)
        kme.move([waiting("a", server.address)])
        await rig.stocked("a", "b", 8 * 64)
        rig.check_links()
        await rig.check_accounts()
        assert source.address != server.address


async def serve(folder: Path, module: str) -> None:
    """kme-a with a source that waits, until it is killed."""
    certificate, key, trust = ((folder / name).read_bytes() for name in ("a.pem", "a.key", "ca.pem"))
    settled = replace(provision("kme-a", [waiting("a", module)]), credentials=KmeCredentials(certificate, key, trust))
    kme = ReferenceKme(settled, folder / "kme-a")
    endpoints = await kme.start()
    kme.connect({"kme-b": (folder / "peer").read_text()})
    announce(folder / "a.up", {"peer": endpoints.peer, "grpc": endpoints.grpc})
    await asyncio.Event().wait()


def start(folder: Path, module: str) -> subprocess.Popen[bytes]:
    code = f"import sys, uvloop, pathlib, {__name__} as m; uvloop.run(m.serve(pathlib.Path(sys.argv[1]), sys.argv[2]))"
    return subprocess.Popen([sys.executable, "-c", code, str(folder), module])


@pytest.mark.timeout(90)
@in_loop
async def test_kill_9_leaves_the_pairing_as_it_was(tmp_path: Path) -> None:
    issued = AUTHORITY.issue_kme("kme-a")
    for name, octets in (
        ("a.pem", issued.certificate_pem),
        ("a.key", issued.private_key_pem),
        ("ca.pem", AUTHORITY.certificate_pem),
    ):
        (tmp_path / name).write_bytes(octets)
    async with net(tmp_path) as rig, AsyncExitStack() as stack:
        await rig.sites.kmes.pop("kme-a").stop()
        server = await stack.enter_async_context(contract_server(rig.modules["a"], token=TOKEN))
        (tmp_path / "peer").write_text(rig.sites.endpoints["kme-b"].peer)
        for life in range(2):
            (tmp_path / "a.up").unlink(missing_ok=True)
            process = start(tmp_path, server.address)
            stack.callback(process.kill)
            async with asyncio.timeout(30):
                while not (tmp_path / "a.up").exists():  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.01)
            facts = json.loads((tmp_path / "a.up").read_text())
            rig.sites.endpoints["kme-a"] = Endpoints("", facts["grpc"], facts["peer"])
            rig.sites.kmes["kme-b"].connect({"kme-a": facts["peer"]})
            if life == 0:
                await rig.pair("a", "b", "s1")
            rig.make("a", "b", 6)
            link = rig.sites.kmes["kme-b"].links["kme-a"]
            await rig.sites.until(lambda: link.held == 6 * (life + 1), f"blocks in life {life}")  # noqa: B023
            process.kill()
            await asyncio.to_thread(process.wait)


@in_loop
async def test_modules_that_are_asked_by_014(tmp_path: Path) -> None:
    modules = {end: Module(f"{end}/m") for end in "abc"}
    async with AsyncExitStack() as stack:
        sources, servers = {}, {}
        for end, module in modules.items():
            issued = AUTHORITY.issue_kme(f"module-{end}")
            credentials = TlsCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)
            ends = Ends(module.module_id, "", f"kme-{end}", "")
            servers[end] = Etsi014Server(module.store, credentials, ends, Etsi014Settings(64), lambda: 0.0)
            stack.push_async_callback(servers[end].stop)
            sources[end] = waiting(end, await servers[end].start(), SourceKind.ETSI014)
        rig = await stack.enter_async_context(net(tmp_path, sources=sources))
        rig.modules = modules
        for peer, name in (("b", "s1"), ("c", "s2")):
            for end, other in (("a", peer), (peer, "a")):
                servers[end].keys.ends = Ends(f"{end}/m", f"{other}/m", f"kme-{end}", f"kme-{other}")
            await rig.pair("a", peer, name)
            rig.make("a", peer, 8)
            await rig.stocked("a", peer, 4 * 64)
            await rig.exchange("a", peer, 4)
        rig.check_links()
        await rig.check_accounts()


@in_loop
async def test_modules_that_push(tmp_path: Path) -> None:
    sources = {end: waiting(end, "", SourceKind.TCP_PUSH) for end in "abc"}
    async with net(tmp_path, sources=sources) as rig, AsyncExitStack() as stack:
        for end, module in rig.modules.items():
            where = rig.sites.endpoints[f"kme-{end}"].push
            pusher = TcpPusher(module.store, where, f"{end}/m", TOKEN, backoff=Backoff(first_s=0.01))
            stack.push_async_callback(pusher.stop)
            pusher.start()
        for peer, name in (("b", "s1"), ("c", "s2"), ("b", "s3")):
            await rig.pair("a", peer, name)
            rig.make("a", peer, 8)
            await rig.stocked("a", peer, 4 * 64)
            await rig.exchange("a", peer, 4)
        rig.check_links()
        await rig.check_accounts()


def test_sources_that_cannot_wait(tmp_path: Path) -> None:
    stream = SourceKind.MODULE_STREAM
    for sources, says in (
        ([SourceAddress("", "", "", "", stream)], "module_id each"),
        (
            [SourceAddress("", "", "", "", stream, "", "", "m"), SourceAddress("", "", "", "", stream, "", "", "m")],
            "each",
        ),
        ([SourceAddress("", "", "", "", SourceKind.COUNTED, "", "", "m")], "needs a peer_kme_id"),
    ):
        folder = tmp_path / says
        folder.mkdir()
        with pytest.raises(ValueError, match=says):
            ReferenceKme(provision("kme-a", sources, SETTINGS), folder)
