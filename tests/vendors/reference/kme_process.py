"""A reference KME in a process of its own, without a harness: for what has to be killed or measured.

python -m tests.vendors.reference.kme_process FOLDER KME [SETTING=VALUE ...]

`Site` prepares the folder and starts and kills the processes. KMEs of one folder find each other there, and
draw from a key source that never runs dry and gives both ends the same known bits.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from hashlib import shake_256
from itertools import count
from pathlib import Path

import uvloop

from harness.pki import Authority, write
from vendors.reference.kme import Parts, Provision, ReferenceKme
from vendors.reference.network import Network
from vendors.reference.settings import KmeSettings
from vendors.reference.source import OpenStream, SourceAddress
from vendors.reference.tls import KmeCredentials

START_S = 30.0
KMES = ("kme-a", "kme-b")


def abundant(source: SourceAddress) -> OpenStream:
    """A key source in the process itself: as many blocks of 4 KiB as are wanted."""

    async def stream(first: int) -> AsyncIterator[tuple[int, bytes]]:
        for index in count(first):
            yield index, shake_256(f"{source.link_id}/{index}".encode()).digest(4096)
            await asyncio.sleep(0)

    return stream


async def serve(folder: Path, kme_id: str, settings: KmeSettings) -> None:
    """Runs the KME until SIGTERM. Writes KME.up when it serves, KME.ready when it has keys to hand out."""
    (peer_id,) = set(KMES) - {kme_id}
    certificate, key, trust = (folder / name for name in (f"{kme_id}.pem", f"{kme_id}.key", "ca.pem"))
    provision = Provision(
        Network(kme_id, json.loads((folder / "saes.json").read_text())),
        KmeCredentials(certificate.read_bytes(), key.read_bytes(), trust.read_bytes()),
        [SourceAddress("link", "", "", peer_id)],
        settings,
    )
    store = folder / kme_id
    store.mkdir(exist_ok=True)
    kme = ReferenceKme(provision, store, Parts(stream=abundant))
    endpoints = await kme.start()
    facts = {"url": endpoints.https_url, "peer": endpoints.peer}
    announce(folder / f"{kme_id}.up", facts)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    peer = folder / f"{peer_id}.up"
    while not peer.exists():  # noqa: ASYNC110 - another process has no event to set
        await asyncio.sleep(0.01)
    kme.connect({peer_id: json.loads(peer.read_text())["peer"]})
    while not kme.links[peer_id].available:  # noqa: ASYNC110 - a link has none either
        await asyncio.sleep(0.01)
    announce(folder / f"{kme_id}.ready", facts)
    await ended.wait()
    await kme.stop()


def announce(path: Path, facts: Mapping[str, str]) -> None:
    """Writes a file that is whole as soon as it is there."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(facts))
    draft.rename(path)


@dataclass
class Site:
    """A folder with certificates for KMEs and SAEs, and the processes that run in it.

    Attributes:
        folder: to be removed by whoever made it.
        saes: the serving KME by SAE ID.
        settings: for all KMEs started from now on.
    """

    folder: Path
    saes: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        authority = Authority()
        (self.folder / "ca.pem").write_bytes(authority.certificate_pem)
        (self.folder / "saes.json").write_text(json.dumps(self.saes))
        for kme_id in KMES:
            write(authority.issue_kme(kme_id), self.folder, kme_id)
        for sae_id in self.saes:
            issued = authority.issue_sae(sae_id)
            write(issued, self.folder, sae_id)
            (self.folder / f"{sae_id}.both").write_bytes(issued.private_key_pem + issued.certificate_pem)

    def start(self, kme_id: str) -> None:
        """Starts a KME on its store and does not wait for it."""
        for stage in ("up", "ready"):
            (self.folder / f"{kme_id}.{stage}").unlink(missing_ok=True)
        settings = [f"{name}={value}" for name, value in self.settings.items()]
        command = [sys.executable, "-m", "tests.vendors.reference.kme_process", str(self.folder), kme_id, *settings]
        self.processes[kme_id] = subprocess.Popen(command)

    def kill(self, kme_id: str) -> None:
        """kill -9."""
        process = self.processes.pop(kme_id)
        process.kill()
        process.wait()

    def facts(self, kme_id: str, stage: str) -> dict[str, str] | None:
        """What a KME has announced in its present life, None = not yet; RuntimeError when it has ended."""
        path = self.folder / f"{kme_id}.{stage}"
        if path.exists():
            return dict(json.loads(path.read_text()))
        if self.processes[kme_id].poll() is not None:
            raise RuntimeError(f"{kme_id} ended with exit code {self.processes[kme_id].returncode}")
        return None

    def wait(self, kme_id: str, stage: str) -> dict[str, str]:
        """What a KME announces; TimeoutError when it does not within `START_S` seconds."""
        deadline = time.monotonic() + START_S
        while (facts := self.facts(kme_id, stage)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{kme_id} is not {stage} after {START_S:.0f} s")
            time.sleep(0.01)  # noqa: TID251 - a bounded wait for another process
        return facts

    def close(self) -> None:
        """Ends what still runs."""
        for kme_id in list(self.processes):
            self.kill(kme_id)


if __name__ == "__main__":
    os.umask(0o077)
    texts = dict(argument.split("=", 1) for argument in sys.argv[3:])
    uvloop.run(serve(Path(sys.argv[1]), sys.argv[2], KmeSettings.from_text(texts)))
