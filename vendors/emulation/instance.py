"""One module as it runs: plugged in, with its control interface, and with its way to hand keys over."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from harness.sdk import contract_server
from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2 as optical
from qkd.vendor.v1.vendor_pb2 import ProvisionModuleRequest, ProvisionModuleResponse

from .ends import Receiver, Transmitter
from .handover import Ends, Etsi014Server, Etsi014Settings, TcpPusher, TlsCredentials
from .mdi import Hub, Sender
from .module import EmulatedModule
from .plant_link import PlantLink
from .service import ModuleService
from .settings import ModuleSettings
from .spec import ModelSpec, Setup

Bound = TypeVar("Bound")
_GRACE_S = 0.5


class ModuleInstance:
    """A module of a maker's process.

    Args:
        request: of the harness.
        spec: the model that it asks for.
        state: folder of the instance; keeps the ports that it listened on, nothing else.

    Raises:
        ValueError: a setting or credential does not fit; says which.

    Attributes:
        module: what it emulates.
    """

    def __init__(self, request: ProvisionModuleRequest, spec: ModelSpec, state: Path) -> None:
        self._request = request
        self._ports = state / "ports.json"
        self._settings, texts = ModuleSettings.split(request.settings, **spec.defaults)
        port = request.port
        kind = self.class_of(request.role, spec)
        plug = optical.Plug(port_id=port.port_id, module_id=request.module_id, direction=kind.direction)
        self._link = PlantLink(port.address, port.token, plug)
        self.module = kind(
            Setup(request.module_id, port.port_id, spec, self._settings, spec.rates(texts), self._link.send)
        )
        self._stack = AsyncExitStack()
        self._etsi014 = self._made_etsi014()

    @staticmethod
    def class_of(role: pb.ModuleRole.ValueType, spec: ModelSpec) -> type[EmulatedModule]:
        """The class that plays a role of a model."""
        if role == pb.MODULE_ROLE_HUB:
            return Hub
        if spec.protocol == pb.PROTOCOL_MDI:
            return Sender
        return Transmitter if role == pb.MODULE_ROLE_TRANSMITTER else Receiver

    async def start(self) -> ProvisionModuleResponse:
        """Plugs in and listens.

        Raises:
            ContractError: the plant refuses the port.
        """
        await self._link.start(self.module.received, self.module.unplugged)
        self._stack.push_async_callback(self._link.stop)
        last = self._last_ports()
        address = await _on_port(self._listen, self._settings.control_port or last.get("control", 0))
        url = ""
        if self._etsi014 is not None:
            self._stack.push_async_callback(self._etsi014.stop)
            url = await _on_port(self._serve_etsi014, self._settings.etsi014_port or last.get("etsi014", 0))
        elif self._pushes():
            request = self._request
            pusher = TcpPusher(self.module.store, request.push_address, request.source_id, request.push_token)
            pusher.start()
            self._stack.push_async_callback(pusher.stop)
        ports = {"control": _port_of(address), "etsi014": _port_of(url) if url else 0}
        self._ports.write_text(json.dumps(ports), encoding="utf-8")
        return ProvisionModuleResponse(control_address=address, etsi014_url=url)

    async def stop(self) -> None:
        """Ends everything; blocks that were not handed over are lost."""
        await self._stack.aclose()

    def _made_etsi014(self) -> Etsi014Server | None:
        request = self._request
        if pb.HANDOVER_ETSI014 not in self.module.capabilities().handovers or not request.HasField("credentials"):
            return None
        credentials = request.credentials
        tls = TlsCredentials(credentials.certificate_pem, credentials.private_key_pem, credentials.trust_pem)
        ends = Ends(request.module_id, "", request.local_kme_id, request.peer_kme_id)
        settings = Etsi014Settings(self._settings.block_octets, masters=self._settings.masters)
        server = Etsi014Server(self.module.store, tls, ends, settings, lambda: self.module.time_s)

        def repaired() -> None:
            server.keys.ends = replace(ends, peer_module_id=self.module.peers[0])

        self.module.repaired = repaired
        return server

    def _pushes(self) -> bool:
        return pb.HANDOVER_TCP_PUSH in self.module.capabilities().handovers and bool(self._request.push_address)

    async def _listen(self, port: int) -> str:
        server = contract_server(ModuleService(self.module), token=self._request.token, port=port)
        await server.start()
        self._stack.push_async_callback(server.stop, _GRACE_S)
        return server.address

    async def _serve_etsi014(self, port: int) -> str:
        assert self._etsi014 is not None  # noqa: S101 - asked before
        return await self._etsi014.start(port=port)

    def _last_ports(self) -> dict[str, int]:
        """Where the last life listened, so that whoever has the address finds this one."""
        with suppress(OSError, ValueError):
            read = json.loads(self._ports.read_text(encoding="utf-8"))
            return {name: int(port) for name, port in read.items()}
        return {}


async def _on_port(listen: Callable[[int], Awaitable[Bound]], port: int) -> Bound:
    """Listens on `port`, or on any other when that is taken."""
    if port:
        with suppress(OSError):
            return await listen(port)
    return await listen(0)


def _port_of(address: str) -> int:
    return int(address.rpartition(":")[2])
