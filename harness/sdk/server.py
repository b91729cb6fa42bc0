"""A gRPC server as the contracts ask for it: constraints enforced, health checking, reflection."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from harness.contract import BearerInterceptor, ConstraintInterceptor

_SERVING = health_pb2.HealthCheckResponse.SERVING
# Loopback never goes through a proxy, whatever the environment says.
CHANNEL_OPTIONS = (("grpc.enable_http_proxy", 0),)


class ContractServer:
    """A `grpc.aio.Server` with what the contracts ask for; use it as an asynchronous context manager.

    Attributes:
        server: the server itself.
        port: the port it listens on (bound already, before `start`).
        address: ``host:port``.
    """

    def __init__(
        self,
        server: grpc.aio.Server,
        address: str,
        health: health.aio.HealthServicer,
        services: Sequence[str],
    ) -> None:
        self.server = server
        self.address = address
        self.port = int(address.rpartition(":")[2])
        self._health = health
        self._services = services

    async def start(self) -> None:
        """Begins to answer."""
        for name in ("", *self._services):
            await self._health.set(name, _SERVING)
        await self.server.start()

    async def stop(self, grace: float | None = None) -> None:
        """Ends: says NOT_SERVING to whoever watches, lets calls under way finish for `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        await self.server.stop(grace)

    async def wait_for_termination(self) -> None:
        """Returns once the server has stopped."""
        await self.server.wait_for_termination()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(None)


def contract_server(
    *servicers: object,
    host: str = "127.0.0.1",
    port: int = 0,
    credentials: grpc.ServerCredentials | None = None,
    token: str | None = None,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    check_responses: bool = False,
) -> ContractServer:
    """A bound, not yet started server for `servicers` with health checking and reflection.

    Args:
        servicers: instances of generated ``…Servicer`` classes; an instance may serve several.
        host: address to listen on.
        port: 0 = any free one.
        credentials: for mutual TLS, `grpc.ssl_server_credentials(…, require_client_auth=True)`; None =
            plaintext.
        token: every call but health and reflection must carry it.
        interceptors: run before the constraints are checked.
        check_responses: see `ConstraintInterceptor`.

    Raises:
        TypeError: when a servicer is not an instance of a generated class.
        OSError: when the address cannot be bound.
    """
    chain: list[grpc.aio.ServerInterceptor] = [] if token is None else [BearerInterceptor(token)]
    chain += [*interceptors, ConstraintInterceptor(check_responses=check_responses)]
    # Without SO_REUSEPORT a port in use is an error instead of two servers that share its calls by chance.
    server = grpc.aio.server(interceptors=chain, options=[("grpc.so_reuseport", 0)])
    names = [name for servicer in servicers for name in _add(servicer, server)]
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection([*names, "grpc.health.v1.Health", reflection.SERVICE_NAME], server)
    where = f"[{host}]" if ":" in host else host
    bound = _bind(server, f"{where}:{port}", credentials)
    return ContractServer(server, f"{where}:{bound}", health_servicer, names)


def loopback_channel(address: str) -> grpc.aio.Channel:
    """A plaintext channel to ``host:port`` on loopback, past any proxy of the environment."""
    return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)


def _bind(server: grpc.aio.Server, target: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials is None:
            return server.add_insecure_port(target)
        return server.add_secure_port(target, credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {target}: {error}") from None


def _add(servicer: object, server: grpc.aio.Server) -> list[str]:
    """Adds every generated service that `servicer` implements; gives their full names."""
    names = []
    for base in type(servicer).__mro__:
        if base.__module__.endswith("_pb2_grpc") and base.__name__.endswith("Servicer"):
            stubs: Any = importlib.import_module(base.__module__)
            messages: Any = importlib.import_module(base.__module__.removesuffix("_grpc"))
            getattr(stubs, f"add_{base.__name__}_to_server")(servicer, server)
            service = base.__name__.removesuffix("Servicer")
            names.append(messages.DESCRIPTOR.services_by_name[service].full_name)
    if not names:
        raise TypeError(f"{type(servicer).__qualname__} is not a generated Servicer")
    return names
