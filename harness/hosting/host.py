"""A hosted implementation, whichever way it is hosted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from harness.hosting.connection import Connection
from harness.hosting.errors import HostingError
from harness.hosting.launch import Bounds, ProgramDigest
from harness.hosting.log import LogTail, scrub
from harness.pki import Wallet
from qkd.vendor.v1 import vendor_pb2


@dataclass(frozen=True, slots=True)
class Ending:
    """How a hosted implementation came to its end.

    Attributes:
        how: it ended when asked (Shutdown), at SIGTERM, was killed, or was gone before it was asked.
        complaint: what it did wrong about it, one sentence; empty when it ended as it should.
    """

    how: Literal["asked", "terminated", "killed", "gone"]
    complaint: str = ""


class Host(ABC):
    """An implementation that runs, has registered and keeps to the hosting contract.

    Attributes:
        name: what to call it in messages.
        bounds: how long its calls may take.
        wallet: the certificates of everybody in its testbeds, issued once.
        ending: how it ended; None while it runs.
    """

    def __init__(self, name: str, bounds: Bounds) -> None:
        self.name = name
        self.bounds = bounds
        self.wallet = Wallet()
        self.ending: Ending | None = None
        self._connection: Connection | None = None
        self._secrets: set[str] = set()

    @property
    def description(self) -> vendor_pb2.DescribeResponse:
        """What it said of itself when it was (last) started."""
        return self._connected.description

    @property
    def pid(self) -> int | None:
        """Process ID of what was launched; None when it runs in this process."""
        return None

    @property
    def digests(self) -> tuple[ProgramDigest, ...]:
        """What was run, by SHA-256."""
        return ()

    async def provision_kme(self, request: vendor_pb2.ProvisionKmeRequest) -> vendor_pb2.ProvisionKmeResponse:
        """Raises one KME.

        Raises:
            HostingError: when it refuses, answers wrongly, fails or does not answer within
                `bounds.provision_s`.
        """
        self._secrets.update(source.token for source in request.key_sources if source.token)
        return await self._connected.implementation.provision_kme(request)

    async def connect_kme(self, request: vendor_pb2.ConnectKmeRequest) -> None:
        """Tells a KME where its peers are; raises as `provision_kme` does."""
        await self._connected.implementation.connect_kme(request)

    async def release_kme(self, instance_id: str) -> None:
        """Ends a KME; raises as `provision_kme` does."""
        await self._connected.implementation.release_kme(instance_id)

    async def provision_module(self, request: vendor_pb2.ProvisionModuleRequest) -> vendor_pb2.ProvisionModuleResponse:
        """Raises one QKD module; raises as `provision_kme` does."""
        self._secrets.update(filter(None, (request.token, request.port.token, request.push_token)))
        return await self._connected.implementation.provision_module(request)

    async def provision_forwarder(
        self, request: vendor_pb2.ProvisionForwarderRequest
    ) -> vendor_pb2.ProvisionForwarderResponse:
        """Raises one forwarding module; raises as `provision_kme` does."""
        self._secrets.update(filter(None, (request.token, request.entropy_token)))
        return await self._connected.implementation.provision_forwarder(request)

    async def connect_forwarder(self, request: vendor_pb2.ConnectForwarderRequest) -> None:
        """Tells a forwarding module where its neighbours are; raises as `provision_kme` does."""
        await self._connected.implementation.connect_forwarder(request)

    async def provision_entropy(
        self, request: vendor_pb2.ProvisionEntropyRequest
    ) -> vendor_pb2.ProvisionEntropyResponse:
        """Raises one random number generator; raises as `provision_kme` does."""
        self._secrets.add(request.token)
        return await self._connected.implementation.provision_entropy(request)

    async def provision_agent(self, request: vendor_pb2.ProvisionAgentRequest) -> vendor_pb2.ProvisionAgentResponse:
        """Raises one SDN agent; raises as `provision_kme` does."""
        self._secrets.add(request.token)
        return await self._connected.implementation.provision_agent(request)

    async def connect_agent(self, request: vendor_pb2.ConnectAgentRequest) -> None:
        """Tells an SDN agent where the parts of its node are; raises as `provision_kme` does."""
        self._secrets.update(filter(None, (request.forwarder_token, *(module.token for module in request.modules))))
        await self._connected.implementation.connect_agent(request)

    async def provision_controller(
        self, request: vendor_pb2.ProvisionControllerRequest
    ) -> vendor_pb2.ProvisionControllerResponse:
        """Raises one SDN controller; raises as `provision_kme` does."""
        self._secrets.add(request.token)
        return await self._connected.implementation.provision_controller(request)

    async def provision_optical_switch(
        self, request: vendor_pb2.ProvisionOpticalSwitchRequest
    ) -> vendor_pb2.ProvisionOpticalSwitchResponse:
        """Raises one controller of optical switches; raises as `provision_kme` does."""
        self._secrets.add(request.plant_token)
        return await self._connected.implementation.provision_optical_switch(request)

    async def release_instance(self, instance_id: str) -> None:
        """Ends an instance that is no KME; raises as `provision_kme` does."""
        await self._connected.implementation.release_instance(instance_id)

    @abstractmethod
    async def restart(self, *, graceful: bool = False) -> None:
        """Ends it and starts it anew with the same state folder. Its KMEs have to be provisioned again.

        Args:
            graceful: ask it to end first; otherwise it is killed (SIGKILL) where it stands.

        Raises:
            HostingError: when it does not come up again.
        """

    @abstractmethod
    async def kill(self) -> None:
        """Ends it at once, by force, and waits until all of it is gone; `restart` brings it up again."""

    @abstractmethod
    def log_tail(self) -> LogTail:
        """The last of its log, without secrets."""

    @abstractmethod
    def state_line(self) -> str:
        """What is known of its process, for people; empty when it has none."""

    def error(self, what: str, *, waited_s: float | None = None, advice: str = "") -> HostingError:
        """An error about this implementation, with the state of its process and the tail of its log."""
        return HostingError(
            f"{self.name}: {scrub(what, self._secrets)}",
            waited_s=waited_s,
            process=self.state_line(),
            log=self.log_tail(),
            advice=advice,
        )

    @property
    def _connected(self) -> Connection:
        if self._connection is None:
            raise self.error("is not running", advice="restart it first")
        return self._connection
