"""Makers' processes that go right or wrong in one way each; launched by the tests of hosting.

usage: makers.py MODE [ARGUMENT]
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc

from harness.contract import ContractError, bearer_metadata
from harness.sdk import Vendor, contract_server, loopback_channel, serve
from harness.sdk.life import CONTRACT
from harness.sdk.service import ImplementationServicer
from qkd.vendor.v1 import vendor_pb2, vendor_pb2_grpc

ADDRESS = os.environ["QKD_HARNESS_ADDRESS"]
TOKEN = os.environ["QKD_HARNESS_TOKEN"]
STATE = Path(os.environ["QKD_HARNESS_STATE"])


class Good(Vendor):
    name, vendor, version = "good", "tests", "1"
    variants = ("odd",)

    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        file = state / "times"
        times = int(file.read_text()) + 1 if file.exists() else 1
        file.write_text(str(times))
        return vendor_pb2.ProvisionKmeResponse(
            etsi014_url=f"https://127.0.0.1:{times}", peer_address=f"{request.kme_id}:{times}"
        )

    async def connect_kme(self, request: vendor_pb2.ConnectKmeRequest) -> None:
        pass

    async def release_kme(self, instance_id: str) -> None:
        pass


class HangsInProvision(Good):
    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        await asyncio.Event().wait()
        raise AssertionError


class DiesInProvision(Good):
    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError


class FailsInProvision(Good):
    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        raise RuntimeError(f"the master key is {'hunter' + str(1 + 1)}")


class SaysItsSecrets(Good):
    """Quotes every secret that it was given in its log and in its refusal."""

    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        secrets = f"{TOKEN} {request.credentials.private_key_pem.decode()} {request.key_sources[0].token}"
        sys.stderr.write(secrets + "\n")
        raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "NO", message=secrets)


class AnswersNothing(Good):
    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        return vendor_pb2.ProvisionKmeResponse()


class ForksLater(Good):
    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        fork_grandchildren()
        return await super().provision_kme(request, state)


class NeverEnds(Good):
    """Hangs in shutdown, and does not hear SIGTERM."""

    async def shutdown(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        await asyncio.to_thread(signal.pause)


class NotAKme(Vendor):
    """Claims the role of a KME, and offers nothing of it."""

    name, vendor, version = "not-a-kme", "tests", "1"


async def rogue(
    servicer: vendor_pb2_grpc.ImplementationServiceServicer,
    *,
    token: str | None = TOKEN,
    contract: str = CONTRACT,
    address: str = "",
    times: int = 1,
    interceptors: tuple[grpc.aio.ServerInterceptor, ...] = (),
) -> None:
    """Serves and registers without the SDK's care."""
    server = contract_server(servicer, token=token, interceptors=interceptors)
    async with server, loopback_channel(ADDRESS) as channel:
        request = vendor_pb2.RegisterRequest(address=address or server.address, contract=contract)
        for _ in range(times):
            try:
                await vendor_pb2_grpc.HarnessServiceStub(channel).Register(request, metadata=bearer_metadata(TOKEN))
            except grpc.aio.AioRpcError as error:
                sys.stderr.write(f"{error.code().name}\n")
        await asyncio.Event().wait()


def good_servicer() -> ImplementationServicer:
    return ImplementationServicer(Good(), STATE, lambda _: None)


class RefusesShutdown(ImplementationServicer):
    async def Shutdown(self, request: vendor_pb2.ShutdownRequest, context: object) -> vendor_pb2.ShutdownResponse:
        raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "BUSY")


class AnswersEverything(grpc.aio.ServerInterceptor):
    """Methods that nobody knows answer with success."""

    async def intercept_service(self, continuation, handler_call_details):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        async def welcome(_request: bytes, _context: object) -> bytes:
            return b""

        return await continuation(handler_call_details) or grpc.unary_unary_rpc_method_handler(welcome)


async def with_wrong_token() -> None:
    async with loopback_channel(ADDRESS) as channel:
        request = vendor_pb2.RegisterRequest(address="127.0.0.1:1", contract=CONTRACT)
        stub = vendor_pb2_grpc.HarnessServiceStub(channel)
        try:
            await stub.Register(request, metadata=bearer_metadata("wrong"))
        except grpc.aio.AioRpcError as error:
            sys.stderr.write(f"{error.code().name}\n")
            sys.exit(4)


def flood(octets: int) -> None:
    block = b"0123456789abcde\n" * 4096
    for _ in range(octets // len(block)):
        os.write(1, block)


def fork_grandchildren() -> None:
    """Leaves processes behind that hear no SIGTERM, one of them in a session of its own."""
    stubborn = "trap '' TERM INT HUP; while :; do sleep 60; done"
    subprocess.Popen(["/bin/sh", "-c", f"({stubborn}) & {stubborn}"])
    subprocess.Popen(["/bin/sh", "-c", f"({stubborn}) & {stubborn}"], start_new_session=True)


VENDORS: dict[str, Callable[[], Vendor]] = {
    "good": Good,
    "hangs-in-provision": HangsInProvision,
    "dies-in-provision": DiesInProvision,
    "fails-in-provision": FailsInProvision,
    "says-its-secrets": SaysItsSecrets,
    "answers-nothing": AnswersNothing,
    "forks-later": ForksLater,
    "never-ends": NeverEnds,
    "not-a-kme": NotAKme,
}
ROGUES: dict[str, Callable[[], Awaitable[None]]] = {
    "wrong-token": with_wrong_token,
    "wrong-contract": lambda: rogue(good_servicer(), contract="acme.v7"),
    "elsewhere": lambda: rogue(good_servicer(), address="192.0.2.1:80"),
    "twice": lambda: rogue(good_servicer(), times=2),
    "no-token-asked": lambda: rogue(good_servicer(), token=None),
    "answers-everything": lambda: rogue(good_servicer(), interceptors=(AnswersEverything(),)),
    "refuses-shutdown": lambda: rogue(RefusesShutdown(Good(), STATE, lambda _: None)),
}


def main(mode: str, *arguments: str) -> None:
    if mode == "flood":
        flood(int(arguments[0]))
        mode = "good"
    if mode == "forks":
        fork_grandchildren()
        mode = "good"
    if mode in VENDORS:
        serve(VENDORS[mode]())
        return

    async def run() -> None:
        await ROGUES[mode]()

    asyncio.run(run())


if __name__ == "__main__":
    main(*sys.argv[1:])
