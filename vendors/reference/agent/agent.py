"""One SDN agent: a datastore, a node behind it; RESTCONF, gRPC and, if it is wanted, NETCONF before it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.sdk import ContractServer, contract_server
from harness.sdk.yang import Profile, load_model
from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest, ProvisionAgentRequest

from .credentials import AgentCredentials
from .datastore import Datastore
from .empty_node import EmptyNode
from .hub import Hub
from .live import LiveNode
from .netconf.host_key import host_key
from .netconf.server import NetconfServer
from .restconf.server import RestconfServer
from .service import AgentService
from .settings import AgentSettings
from .state_file import StateFile

_log = logging.getLogger(__name__)
_GRACE_S = 2.0

# Raises the node of an agent; its end takes the node down.
NodeMaker = Callable[[ProvisionAgentRequest, ConnectAgentRequest, Path], AbstractAsyncContextManager[LiveNode]]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an agent answers.

    Attributes:
        restconf_url: base URL.
        grpc_address: host:port.
        netconf_address: host:port; "" = NETCONF is not wanted.
        netconf_host_key: as in known_hosts, without the host.
    """

    restconf_url: str
    grpc_address: str
    netconf_address: str = ""
    netconf_host_key: str = ""


class Agent:
    """One agent.

    Args:
        request: what it is.
        state: its folder.
        make_node: raises the node once its parts are known.

    Raises:
        ValueError: settings, credentials or what the folder holds are wrong.
        ModelFilesError: the model cannot be loaded.
    """

    def __init__(self, request: ProvisionAgentRequest, state: Path, make_node: NodeMaker) -> None:
        self._request = request
        self._state = state
        self._make_node = make_node
        self.settings = AgentSettings.from_text(dict(request.settings))
        given = request.credentials
        self._credentials = AgentCredentials(given.certificate_pem, given.private_key_pem, given.trust_pem)
        self._nothing = EmptyNode(request.qkdn_id.lower())
        self.store = Datastore(
            load_model(Profile(self.settings.profile)),
            StateFile(state),
            self.settings,
            qkdn_id=request.qkdn_id,
            location_id=request.location_id,
            live=self._nothing,
        )
        self.hub = Hub(self.settings.max_streams, self.settings.stream_backlog)
        self._restconf = RestconfServer(self.store, self.hub, self.settings, list(request.controllers))
        users = list(request.netconf_users)
        self._netconf = NetconfServer(self.store, self.hub, self.settings, users, host_key(state)) if users else None
        self._grpc: ContractServer | None = None
        self._node = AsyncExitStack()

    async def start(self) -> Endpoints:
        """Answers, with an empty node.

        Raises:
            OSError: a port is taken.
            ValueError: the credentials cannot be read.
        """
        host, context = self.settings.host, self._credentials.server_context()
        ports = StateFile(self._state, "ports.json")
        last = ports.load() or {}
        try:
            port = await self._restconf.start(context, self.settings.restconf_port or last.get("restconf", 0))
        except OSError:
            if self.settings.restconf_port:
                raise
            port = await self._restconf.start(context, 0)  # someone else has taken it meanwhile
        try:
            self._grpc = self._grpc_server(self.settings.grpc_port or last.get("grpc", 0))
        except OSError:
            if self.settings.grpc_port:
                raise
            self._grpc = self._grpc_server(0)
        await self._grpc.start()
        where = f"[{host}]" if ":" in host else host
        netconf, line = await self._start_netconf(last.get("netconf", 0))
        ports.save({"restconf": port, "grpc": self._grpc.port} | ({"netconf": netconf} if netconf else {}))
        address = f"{where}:{netconf}" if netconf else ""
        return Endpoints(f"https://{where}:{port}", self._grpc.address, address, line)

    async def _start_netconf(self, last: int) -> tuple[int, str]:
        """Port and host key; 0 and "" = it is not wanted."""
        if self._netconf is None:
            return 0, ""
        try:
            port = await self._netconf.start(self.settings.netconf_port or last)
        except OSError:
            if self.settings.netconf_port:
                raise
            port = await self._netconf.start(0)
        return port, self._netconf.host_key

    def _grpc_server(self, port: int) -> ContractServer:
        service, host = AgentService(self.store, self.hub), self.settings.host
        return contract_server(service, host=host, port=port, token=self._request.token)

    async def connect(self, request: ConnectAgentRequest) -> None:
        """Puts the node behind the agent and configures it as the datastore says; again when its parts have moved."""
        await self._leave()
        self._node = AsyncExitStack()
        live = await self._node.enter_async_context(self._make_node(self._request, request, self._state))
        await self.hub.attach(live)
        await self.store.attach(live)

    async def stop(self) -> None:
        """Ends streams, servers and the node; the datastore stays on disk."""
        await self.hub.end()
        await self._restconf.stop()
        if self._netconf is not None:
            await self._netconf.stop()
        if self._grpc is not None:
            await self._grpc.stop(_GRACE_S)
        await self._node.aclose()

    async def _leave(self) -> None:
        self.store.detach(self._nothing)
        await self.hub.attach(self._nothing)
        await self._node.aclose()
