"""kill -9 of either KME while blocks come in: both ends hold the same afterwards, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop

from harness.pki import write
from tests.vendors.reference.intake.sites import KMES, TOKEN, FakeModule, Modules
from tests.vendors.reference.kme_process import announce
from tests.vendors.reference.rig import AUTHORITY
from vendors.reference.database import Database
from vendors.reference.kme import Provision, ReferenceKme
from vendors.reference.link import Link, LinkEnds
from vendors.reference.network import Network
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceAddress, SourceKind
from vendors.reference.tls import KmeCredentials
from vendors.reference.vault import Vault

KILLS = 4
STAGE_S = 60.0  # each has the start of a process in it
BLOCKS = 600
OCTETS = 100  # not the length of a block of the link
LINK_BLOCKS = BLOCKS * OCTETS // 64


async def serve(folder: Path, kme_id: str, module: str) -> None:
    """A KME until SIGTERM; says how many blocks it holds."""
    (peer_id,) = set(KMES) - {kme_id}
    certificate, key, trust = (folder / name for name in (f"{kme_id}.pem", f"{kme_id}.key", "ca.pem"))
    provision = Provision(
        Network(kme_id, {}),
        KmeCredentials(certificate.read_bytes(), key.read_bytes(), trust.read_bytes()),
        [SourceAddress("link", module, TOKEN, peer_id, SourceKind.MODULE_STREAM)],
        KmeSettings(link_block_octets=64),
    )
    (folder / kme_id).mkdir(exist_ok=True)
    kme = ReferenceKme(provision, folder / kme_id)
    announce(folder / f"{kme_id}.up", {"peer": (await kme.start()).peer})
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    peer = folder / f"{peer_id}.up"
    while not ended.is_set():
        if peer.exists():
            kme.connect({peer_id: peer.read_text().split('"')[3]})
        announce(folder / f"{kme_id}.held", {"held": str(kme.links[peer_id].held)})
        await asyncio.sleep(0.02)
    await kme.stop()


def held(folder: Path, kme_id: str) -> int:
    path = folder / f"{kme_id}.held"
    return int(path.read_text().split('"')[3]) if path.exists() else 0


def blocks_of(folder: Path, kme_id: str) -> list[bytes]:
    """What a KME that has ended holds."""
    (peer_id,) = set(KMES) - {kme_id}
    database = Database(folder / kme_id / "store.db")
    link = Link(database, Vault.open(folder / kme_id / "store.kek"), LinkEnds("link", kme_id, peer_id), 1)
    found = [link._block(index) for index in range(link.held)]
    account = link.account
    assert account.received == 8 * link.stock
    database.close()
    return found


@pytest.mark.timeout(60 + STAGE_S * (KILLS + 1))
def test_kill_9_while_blocks_come_in(tmp_path: Path) -> None:
    uvloop.run(kill(tmp_path))
    one, other = (blocks_of(tmp_path, kme_id) for kme_id in KMES)
    assert one == other
    assert len(one) == LINK_BLOCKS  # nothing was lost


async def kill(folder: Path) -> None:
    (folder / "ca.pem").write_bytes(AUTHORITY.certificate_pem)
    for kme_id in KMES:
        write(AUTHORITY.issue_kme(kme_id), folder, kme_id)
    modules, moments = Modules(), random.Random(1)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    async with AsyncExitStack() as stack:
        where = await modules.serve(stack, FakeModule)

        def start(kme_id: str) -> None:
            for stage in ("up", "held"):  # what an earlier life has said
                (folder / f"{kme_id}.{stage}").unlink(missing_ok=True)
            command = [sys.executable, "-c", f"import {__name__} as m; m.main()", str(folder), kme_id, where[kme_id]]
            # by vfork: uvloop's fork runs the handlers of gRPC, which is busy here, and may crash before the exec
            processes[kme_id] = subprocess.Popen(command)

        async def until(blocks: float) -> None:
            async with asyncio.timeout(STAGE_S):
                while min(held(folder, kme_id) for kme_id in KMES) < blocks:  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.01)

        try:
            for kme_id in KMES:
                start(kme_id)
            for number in range(1, KILLS + 1):
                modules.add(BLOCKS // KILLS, OCTETS)
                await until(number * LINK_BLOCKS / KILLS * moments.random())
                kme_id = moments.choice(KMES)
                processes[kme_id].kill()
                await asyncio.to_thread(processes[kme_id].wait)
                start(kme_id)
            await until(LINK_BLOCKS)
        except TimeoutError:
            far = {
                kme_id: (held(folder, kme_id), (folder / f"{kme_id}.up").exists(), processes[kme_id].poll())
                for kme_id in KMES
            }
            left = {kme_id: len(source.ready()) for kme_id, source in modules.ends.items()}
            raise AssertionError(
                f"of {LINK_BLOCKS} blocks (held, up, exit code) {far}; modules still have {left}"
            ) from None
        finally:
            for process in processes.values():
                process.terminate()
                await asyncio.to_thread(process.wait)


def main() -> None:
    uvloop.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
