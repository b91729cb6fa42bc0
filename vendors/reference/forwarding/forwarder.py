"""One forwarding module: its parts, put together, started and stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.sdk import ContractServer, contract_server

from .credentials import SaeCredentials
from .entropy import Entropy, ServiceEntropy, SystemEntropy
from .hops import HopKeys
from .kme_grpc import GrpcHopKeys
from .kme_https import Etsi014HopKeys
from .present_kme import PresentKme
from .relay import Relay
from .service import ForwardingServicer
from .settings import ForwardingSettings
from .wire import HopListener


@dataclass(frozen=True, slots=True)
class Parts:
    """What a forwarding module is made of. Another one is these parts with one of them replaced by a subclass."""

    relay: type[Relay] = Relay
    service: type[ForwardingServicer] = ForwardingServicer


@dataclass(frozen=True, slots=True)
class Provision:
    """What a forwarding module is given before it starts; see `ProvisionForwarderRequest`."""

    kme_id: str
    sae_id: str
    credentials: SaeCredentials
    kme_grpc_address: str
    kme_etsi014_url: str
    token: str = field(repr=False)
    entropy_address: str = ""
    entropy_token: str = field(default="", repr=False)
    settings: ForwardingSettings = field(default_factory=ForwardingSettings)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another forwarding module."""

    kme_id: str
    sae_id: str
    host: str
    port: int

    @classmethod
    def of(cls, kme_id: str, sae_id: str, hop_address: str) -> Peer:
        """From ``host:port``; raises `ValueError`."""
        host, _, port = hop_address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"the hop address of {kme_id} is not host:port")
        return cls(kme_id, sae_id, host.strip("[]"), int(port))


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a started forwarding module answers, host:port."""

    control: str
    hop: str


class Forwarder:
    """A forwarding module. Start it, connect it, stop it. It keeps nothing but its ports over a restart.

    Raises:
        ValueError: the provision makes no sense.
    """

    def __init__(self, provision: Provision, state: Path, parts: Parts | None = None) -> None:
        self.provision = provision
        self._parts = parts or Parts()
        self._ports_file = state / "ports.json"
        self._relay: Relay | None = None
        self._kme = PresentKme(self._hop_keys)
        self._keys: HopKeys = self._kme
        self._entropy: Entropy | None = None
        self._listener: HopListener | None = None
        self._server: ContractServer | None = None

    async def start(self, keys: HopKeys | None = None) -> Endpoints:
        """Begins to serve; the ports are those of the last life where they are still free.

        Args:
            keys: in place of those of the KME, for tests.

        Raises:
            OSError: a port that the settings name is taken.
            ValueError: certificate or key cannot be read.
        """
        provision, settings = self.provision, self.provision.settings
        self._keys = keys or self._kme
        await self._kme.move(provision.kme_grpc_address, provision.kme_etsi014_url)
        self._entropy = self._random()
        self._relay = self._parts.relay(
            provision.kme_id, provision.sae_id, self._keys, entropy=self._entropy, settings=settings
        )
        self._listener = HopListener(self._relay.received)
        last = self._last_ports()
        hop = await self._listen(self._listener, settings.hop_port, last.get("hop", 0))
        servicer = self._parts.service(self._relay)
        self._server = self._serve(servicer, settings.control_port, last.get("control", 0))
        await self._server.start()
        self._ports_file.write_text(json.dumps({"hop": hop, "control": self._server.port}))
        where = f"[{settings.host}]" if ":" in settings.host else settings.host
        return Endpoints(self._server.address, f"{where}:{hop}")

    @property
    def relay(self) -> Relay:
        """What it does with messages; raises `RuntimeError` before the start."""
        if self._relay is None:
            raise RuntimeError("the forwarding module is not started")
        return self._relay

    async def connect(self, peers: Iterable[Peer], *, kme_grpc_address: str = "", kme_etsi014_url: str = "") -> None:
        """Tells it where its neighbours and its KME are; those that are not named stay as they are.

        Raises:
            ValueError: two neighbours have the same SAE ID, or the KME does not offer what the settings ask for.
        """
        await self._kme.move(kme_grpc_address, kme_etsi014_url)
        others = [peer for peer in peers if peer.kme_id != self.provision.kme_id]
        sae_ids = {one.kme_id: one.sae_id for one in self.relay.neighbours.values()}
        sae_ids |= {peer.kme_id: peer.sae_id for peer in others}
        if len({*sae_ids.values(), self.provision.sae_id}) < len(sae_ids) + 1:
            raise ValueError("two forwarding modules have the same SAE ID")
        for peer in others:
            await self.relay.connect(peer.kme_id, peer.sae_id, peer.host, peer.port)

    async def stop(self) -> None:
        """Ends everything."""
        if self._server is not None:
            await self._server.stop(None)
        if self._listener is not None:
            await self._listener.stop()
        for part in (self._relay, self._keys, self._entropy):
            if part is not None:
                await part.close()

    def _hop_keys(self, grpc_address: str, etsi014_url: str) -> HopKeys:
        settings, credentials = self.provision.settings, self.provision.credentials
        chosen = settings.key_supply or ("grpc" if grpc_address else "etsi014")
        if not (grpc_address if chosen == "grpc" else etsi014_url):
            raise ValueError(f"the KME offers no {chosen} to take hop keys from")
        if chosen == "grpc":
            return GrpcHopKeys(grpc_address, credentials, settings.kme_timeout_s)
        return Etsi014HopKeys(etsi014_url, credentials, settings.kme_timeout_s)

    def _random(self) -> Entropy:
        provision = self.provision
        if not provision.entropy_address:
            return SystemEntropy()
        return ServiceEntropy(provision.entropy_address, provision.entropy_token, provision.settings.kme_timeout_s)

    async def _listen(self, listener: HopListener, port: int, last: int) -> int:
        if not port and last:
            with suppress(OSError):
                return await listener.start(self.provision.settings.host, last)
        return await listener.start(self.provision.settings.host, port)

    def _serve(self, servicer: ForwardingServicer, port: int, last: int) -> ContractServer:
        host, token = self.provision.settings.host, self.provision.token
        if not port and last:
            with suppress(OSError):
                return contract_server(servicer, host=host, port=last, token=token)
        return contract_server(servicer, host=host, port=port, token=token)

    def _last_ports(self) -> dict[str, int]:
        try:
            read = json.loads(self._ports_file.read_text())
        except (OSError, ValueError):
            return {}
        return read if isinstance(read, dict) else {}
