"""HarnessService: where a launched process says that it is up."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc

from harness import __version__
from harness.contract import BearerInterceptor, ContractError
from harness.sdk.life import CONTRACT
from harness.sdk.server import contract_server
from qkd.vendor.v1 import vendor_pb2, vendor_pb2_grpc


@dataclass(frozen=True, slots=True)
class Registered:
    """What a process said of itself."""

    address: str
    pid: int


class Registration(vendor_pb2_grpc.HarnessServiceServicer):
    """HarnessService for one launch, with a token of its own. An asynchronous context manager.

    Attributes:
        token: secret of the launch.
        address: ``host:port``, once entered.
        registered: resolved at the first sound registration.
        faults: what the process did wrong, one sentence each; a fault makes the launch unusable.
        refused: calls without the token that were refused. Anybody on this machine may send those.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self.address = ""
        self.registered: asyncio.Future[Registered] = asyncio.get_running_loop().create_future()
        self.fault: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.refused = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        server = contract_server(self, interceptors=[BearerInterceptor(self.token, self._count_refused)])
        self.address = server.address
        await self._stack.enter_async_context(server)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def Register(self, request: vendor_pb2.RegisterRequest, context: object) -> vendor_pb2.RegisterResponse:
        """Takes the first registration; a second one is a fault of the process."""
        if request.contract != CONTRACT:
            raise self._faulty(
                grpc.StatusCode.FAILED_PRECONDITION,
                "CONTRACT_UNKNOWN",
                f"speaks the contract {request.contract!r}, this harness speaks {CONTRACT!r}",
            )
        if not _on_loopback(request.address):
            raise self._faulty(
                grpc.StatusCode.INVALID_ARGUMENT,
                "ADDRESS_NOT_LOOPBACK",
                f"registered the address {request.address!r}, which is not host:port on loopback",
            )
        if self.registered.done():
            raise self._faulty(grpc.StatusCode.ALREADY_EXISTS, "REGISTERED_TWICE", "registered twice")
        self.registered.set_result(Registered(request.address, request.pid))
        return vendor_pb2.RegisterResponse(harness_version=__version__)

    def _faulty(self, code: grpc.StatusCode, reason: str, what: str) -> ContractError:
        if not self.fault.done():
            self.fault.set_result(what)
        return ContractError(code, reason, message=what)

    def _count_refused(self, _method: str) -> None:
        self.refused += 1


def _on_loopback(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
