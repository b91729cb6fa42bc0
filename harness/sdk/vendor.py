"""The class that a maker writes."""

from __future__ import annotations

from pathlib import Path

import grpc

from harness.contract import ContractError
from qkd.vendor.v1.vendor_pb2 import (
    ConnectAgentRequest,
    ConnectForwarderRequest,
    ConnectKmeRequest,
    ProvisionAgentRequest,
    ProvisionAgentResponse,
    ProvisionControllerRequest,
    ProvisionControllerResponse,
    ProvisionEntropyRequest,
    ProvisionEntropyResponse,
    ProvisionForwarderRequest,
    ProvisionForwarderResponse,
    ProvisionKmeRequest,
    ProvisionKmeResponse,
    ProvisionModuleRequest,
    ProvisionModuleResponse,
    ProvisionOpticalSwitchRequest,
    ProvisionOpticalSwitchResponse,
)


class Vendor:
    """An implementation under test, as the harness sees it: who it is, and how it starts and ends things.

    Subclass it, set the attributes, override what the implementation offers; a method left as it is answers
    UNIMPLEMENTED. Raise `ContractError` to refuse; any other exception answers INTERNAL without its text.

    All methods run in one event loop. The SDK has checked the request's constraints before it calls, calls
    for the same instance never overlap, and calls for different instances may.

    Attributes:
        name: short name, for instance "acme-kme".
        vendor: the maker.
        version: the implementation's version.
        roles: what it can be: "kme", "module", "forwarder", "entropy", "agent", "controller", "optical-switch".
        variants: what it can raise besides the product itself; see `ProvisionKmeRequest.variant`.
    """

    name: str
    vendor: str
    version: str
    roles: tuple[str, ...] = ("kme",)
    variants: tuple[str, ...] = ()

    def ics(self) -> dict[str, dict[str, object]]:
        """Claims by suite, JSON-ready; what is absent is discovered. Default: nothing is claimed.

        For instance ``{"etsi014": {"multicast": True}}``.
        """
        return {}

    async def provision_kme(self, request: ProvisionKmeRequest, state: Path) -> ProvisionKmeResponse:
        """Raises one KME and says where it answers.

        Args:
            request: `variant` is empty or one of `variants`.
            state: folder of this instance, 0700. Empty for a new instance; as the instance left it when
                the process was started anew, in which case the store found in it goes on.
        """
        raise _not_offered("ProvisionKme")

    async def connect_kme(self, request: ConnectKmeRequest) -> None:
        """Tells the instance where its peers are; called again when one of them has moved."""
        raise _not_offered("ConnectKme")

    async def release_kme(self, instance_id: str) -> None:
        """Ends the instance. The SDK removes its `state` folder afterwards."""
        raise _not_offered("ReleaseKme")

    async def provision_module(self, request: ProvisionModuleRequest, state: Path) -> ProvisionModuleResponse:
        """Raises one QKD module, OFF; `state` as in `provision_kme`."""
        raise _not_offered("ProvisionModule")

    async def provision_forwarder(self, request: ProvisionForwarderRequest, state: Path) -> ProvisionForwarderResponse:
        """Raises one forwarding module; `state` as in `provision_kme`."""
        raise _not_offered("ProvisionForwarder")

    async def connect_forwarder(self, request: ConnectForwarderRequest) -> None:
        """Tells a forwarding module where its neighbours are; called again when one of them has moved."""
        raise _not_offered("ConnectForwarder")

    async def provision_entropy(self, request: ProvisionEntropyRequest, state: Path) -> ProvisionEntropyResponse:
        """Raises one random number generator; `state` as in `provision_kme`."""
        raise _not_offered("ProvisionEntropy")

    async def provision_agent(self, request: ProvisionAgentRequest, state: Path) -> ProvisionAgentResponse:
        """Raises one SDN agent; `state` as in `provision_kme`."""
        raise _not_offered("ProvisionAgent")

    async def connect_agent(self, request: ConnectAgentRequest) -> None:
        """Tells an SDN agent where the parts of its node are; called again when one of them has moved."""
        raise _not_offered("ConnectAgent")

    async def provision_controller(
        self, request: ProvisionControllerRequest, state: Path
    ) -> ProvisionControllerResponse:
        """Raises one SDN controller; `state` as in `provision_kme`."""
        raise _not_offered("ProvisionController")

    async def provision_optical_switch(
        self, request: ProvisionOpticalSwitchRequest, state: Path
    ) -> ProvisionOpticalSwitchResponse:
        """Raises one controller of optical switches; `state` as in `provision_kme`."""
        raise _not_offered("ProvisionOpticalSwitch")

    async def release_instance(self, instance_id: str) -> None:
        """Ends an instance that is no KME. The SDK removes its `state` folder afterwards."""
        raise _not_offered("ReleaseInstance")

    async def shutdown(self) -> None:
        """Ends everything; the process ends once this returns. Instances keep their state folders."""


def _not_offered(method: str) -> ContractError:
    return ContractError(
        grpc.StatusCode.UNIMPLEMENTED,
        "UNIMPLEMENTED",
        message=f"{method} is not offered by this implementation",
    )
