"""A bench for one SDN agent: the harness plays the parts of its node (modules, KME, forwarding module).

For synchronous code. A case causes what 015 speaks of (a module that aborts, an SAE that asks) and sees what the agent
does about it (a module that is started, a pairing at the KME).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from harness.hosting.errors import HostingError
from harness.testbed.agents_kms import PlayedForwarder, PlayedKme
from harness.testbed.agents_module import Kind, PlayedModule
from harness.testbed.blocking import BlockingHost
from harness.wire.evidence import Observer
from harness.wire.restconf import RestconfClient, open_restconf
from harness.wire.tls import Credentials
from qkd.device.v1 import module_pb2 as device
from qkd.vendor.v1 import vendor_pb2

BOUND_S: Final = 15.0
CONTROLLER: Final = "controller-1"
RELAY: Final = "relay"
"""module_id of the KME's source of relayed keys."""
_POLL_S = 0.02

KINDS: Final[Mapping[int, Kind]] = {
    1: Kind(device.PROTOCOL_DECOY_BB84, device.MODULE_ROLE_TRANSMITTER, ("C-37",), 20.0, "switch-1", 11),
    2: Kind(device.PROTOCOL_DECOY_BB84, device.MODULE_ROLE_RECEIVER, ("C-38",), 18.5, "switch-1", 12),
    3: Kind(
        device.PROTOCOL_CV_GAUSSIAN, device.MODULE_ROLE_TRANSMITTER, ("C-30", "C-31", "C-32", "C-40"), 12.25,
        "switch-2", 7,
    ),
}  # fmt: skip
"""What the modules of the node are, by qkdi_id."""


@dataclass(frozen=True)
class Far:
    """Another node, of which the agent is told and which is not there.

    Attributes:
        name: for people.
        qkdn_id: UUID.
        kme_id: of its KME.
    """

    name: str
    qkdn_id: str
    kme_id: str

    def module(self, qkdi_id: int) -> str:
        """Module ID behind an interface of it."""
        return f"{self.name}/m{qkdi_id}"


class AgentBench:
    """An agent that is up, and its node. Made by `raise_agent`; every method waits.

    Attributes:
        qkdn_id: UUID of the node.
        modules: by qkdi_id; those in `shown` are the node's now.
        shown: qkdi_ids that the agent has been told of.
        kme, forwarder: of the node.
        far: the other nodes, by name: "b", "c", "d".
        endpoints: where the agent answers.
    """

    def __init__(
        self, host: BlockingHost, *, variant: str, settings: Mapping[str, str], kinds: Mapping[int, Kind] = KINDS
    ) -> None:
        self.qkdn_id = str(uuid.uuid4())
        self.modules = {number: PlayedModule(f"a/m{number}", kind) for number, kind in kinds.items()}
        self.shown: tuple[int, ...] = tuple(kinds)
        self.kme = PlayedKme("kme-a", host.host.wallet)
        self.forwarder = PlayedForwarder()
        self.far = {name: Far(name, str(uuid.uuid4()), f"kme-{name}") for name in "bcd"}
        self.location = "vault 1"
        self.endpoints = vendor_pb2.ProvisionAgentResponse()
        self._host = host
        self._variant = variant
        self._settings = dict(settings)
        self._instance = f"agent.{uuid.uuid4().hex[:8]}"
        self._token = uuid.uuid4().hex
        self._clients = ExitStack()

    # -- raising --------------------------------------------------------------------------------------

    def start_parts(self, stack: ExitStack) -> None:
        """Raises what the harness plays, until the stack ends."""
        parts: list[PlayedModule | PlayedKme | PlayedForwarder] = [*self.modules.values(), self.kme, self.forwarder]
        for part in parts:
            self.call(part.start)
            stack.callback(self.call, part.stop)

    def provision(self, *, connect: bool = True) -> None:
        """Raises the agent, and tells it of its node.

        Raises:
            HostingError: it does not come up.
        """
        wallet = self._host.host.wallet
        issued = wallet.kme(f"agent-{self.qkdn_id[:8]}")
        request = vendor_pb2.ProvisionAgentRequest(
            instance_id=self._instance,
            qkdn_id=self.qkdn_id,
            location_id=self.location,
            credentials=vendor_pb2.Credentials(
                certificate_pem=issued.certificate_pem,
                private_key_pem=issued.private_key_pem,
                trust_pem=wallet.trust_pem,
            ),
            controllers=[CONTROLLER],
            token=self._token,
            variant=self._variant,
            settings=self._settings,
        )
        self.endpoints = self.call(self._host.host.provision_agent, request)
        if connect:
            self.connect()

    def connect(self, shown: Sequence[int] | None = None) -> None:
        """Tells the agent of its node, with these of the modules.

        Raises:
            HostingError: it refuses.
        """
        self.shown = tuple(self.modules) if shown is None else tuple(shown)
        remote = [
            vendor_pb2.RemoteNode(
                qkdn_id=far.qkdn_id,
                kme_id=far.kme_id,
                interfaces=[
                    vendor_pb2.RemoteInterface(qkdi_id=number, module_id=far.module(number)) for number in (1, 2, 3)
                ],
            )
            for far in self.far.values()
        ]
        request = vendor_pb2.ConnectAgentRequest(
            instance_id=self._instance,
            modules=[self._described(number) for number in self.shown],
            kme_id=self.kme.kme_id,
            kme_grpc_address=self.kme.address,
            forwarder_address=self.forwarder.address,
            forwarder_token=self.forwarder.token,
            remote_nodes=remote,
            local_sae_ids=["app-a"],
            relay_module_id=RELAY,
        )
        self.call(self._host.host.connect_agent, request)

    def _described(self, number: int) -> vendor_pb2.NodeModule:
        module = self.modules[number]
        return vendor_pb2.NodeModule(
            qkdi_id=number,
            module_id=module.module_id,
            control_address=module.address,
            token=module.token,
            att_device=module.kind.att_device,
            att_port=module.kind.att_port,
        )

    def restart(self) -> None:
        """Kills the process where it stands, and raises the agent again on what it has stored."""
        self.call(partial(self._host.host.restart, graceful=False))
        self.provision()

    def release(self) -> None:
        """Ends the agent."""
        self._clients.close()
        with suppress(HostingError):
            self.call(self._host.host.release_instance, self._instance)

    # -- asking ---------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """What callers of AgentService have to show."""
        return self._token

    def client(self, observer: Observer, name: str | None = CONTROLLER) -> RestconfClient:
        """A client with the certificate of this common name; None = without any."""
        wallet = self._host.host.wallet
        issued = wallet.sae(name) if name is not None else None
        shown = Credentials(issued.certificate_pem, issued.private_key_pem) if issued is not None else None
        client = open_restconf(
            self.endpoints.restconf_url, shown, wallet.trust_pem, observer, name=name or "nobody", server="agent"
        )
        self._clients.callback(client.close)
        return client

    # -- acting ---------------------------------------------------------------------------------------

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls something in the event loop of the bench; waits for it."""
        return self._host.portal.call(function, *arguments)

    def module(self, number: int, state: device.ModuleState.ValueType | None = None, **figures: float) -> None:
        """A module takes a state, or figures; see `PlayedModule.become`."""
        self.call(partial(self.modules[number].become, state, **figures))

    def stop_module(self, number: int) -> None:
        """A module is gone."""
        self.call(self.modules[number].stop)

    def start_module(self, number: int) -> None:
        """It is back, where it was."""
        server = self.modules[number].server
        assert server is not None  # noqa: S101 - it ran before
        self.call(self.modules[number].start, server.port)

    def until(self, holds: Callable[[], bool], bound_s: float = BOUND_S) -> bool:
        """Whether it comes true within the bound."""
        end, pause = time.monotonic() + bound_s, threading.Event()
        while not holds():
            if time.monotonic() > end:
                return False
            pause.wait(_POLL_S)
        return True

    def secrets(self) -> tuple[str, ...]:
        """Tokens that nobody but the agent may ever see."""
        return (self._token, self.forwarder.token, *(module.token for module in self.modules.values()))


@contextmanager
def raise_agent(
    host: BlockingHost,
    *,
    variant: str = "",
    settings: Mapping[str, str] | None = None,
    connect: bool = True,
    kinds: Mapping[int, Kind] = KINDS,
) -> Iterator[AgentBench]:
    """Raises an agent and a node for it on a host that runs, and ends them afterwards.

    Args:
        host: the implementation's process.
        variant: of the implementation.
        settings: in its own words.
        connect: whether it is told of its node at once.
        kinds: the modules of the node.

    Raises:
        HostingError: it does not come up.
    """
    with ExitStack() as stack:
        bench = AgentBench(host, variant=variant, settings=settings or {}, kinds=kinds)
        bench.start_parts(stack)
        stack.callback(bench.release)
        bench.provision(connect=connect)
        yield bench
