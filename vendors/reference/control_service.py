"""`qkd.kms.v1.KmsControlService`: what the SDN agent of the node tells this KME, and is told. Never key bytes."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator, Collection
from typing import Any

import grpc

from harness.sdk import ContractError
from qkd.kms.v1 import control_pb2 as wire
from qkd.kms.v1.control_pb2_grpc import KmsControlServiceServicer

from .applications import Applications
from .pairings import Pairing, PairingError, Pairings

_log = logging.getLogger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]


class KmsControlServicer(KmsControlServiceServicer):
    """The servicer of one KME. Serve it with mutual TLS.

    Args:
        applications: None = this KME serves every SAE that it knows.
        agents: common names of the certificates that may call.
    """

    def __init__(self, pairings: Pairings, applications: Applications | None, agents: Collection[str]) -> None:
        self._pairings = pairings
        self._applications = applications
        self._agents = frozenset(agents)

    async def SetPairings(self, request: wire.SetPairingsRequest, context: Context) -> wire.SetPairingsResponse:
        """See `Pairings.set`."""
        self._admit(context)
        pairings = [
            Pairing(one.module_id, one.source_id, one.peer_kme_id, one.peer_module_id) for one in request.pairings
        ]
        try:
            self._pairings.set(pairings)
        except PairingError as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, error.reason, message=str(error)) from None
        except sqlite3.Error as error:
            raise _store_failed(error) from None
        return wire.SetPairingsResponse()

    async def SetApplications(
        self, request: wire.SetApplicationsRequest, context: Context
    ) -> wire.SetApplicationsResponse:
        """See `Applications.set`."""
        applications = self._controlled(context)
        try:
            applications.set(request.applications)
        except ValueError as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "APPLICATION_INVALID", message=str(error)) from None
        except sqlite3.Error as error:
            raise _store_failed(error) from None
        return wire.SetApplicationsResponse()

    async def GetApplications(
        self, request: wire.GetApplicationsRequest, context: Context
    ) -> wire.GetApplicationsResponse:
        """What each has taken."""
        return wire.GetApplicationsResponse(applications=self._controlled(context).uses())

    async def WatchRequests(
        self, request: wire.WatchRequestsRequest, context: Context
    ) -> AsyncIterator[wire.WatchRequestsResponse]:
        """Pairs of SAEs that wait to be admitted."""
        async for server, clients in self._controlled(context).requests():
            yield wire.WatchRequestsResponse(server_sae_id=server, client_sae_ids=clients)

    def _admit(self, context: Context) -> None:
        names = list(context.auth_context().get("x509_common_name", ()))
        if len(names) != 1 or names[0].decode("utf-8", "replace") not in self._agents:
            raise ContractError(grpc.StatusCode.PERMISSION_DENIED, "NOT_AN_AGENT", message="not an agent of this KME")

    def _controlled(self, context: Context) -> Applications:
        self._admit(context)
        if self._applications is None:
            raise ContractError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "NOT_CONTROLLED",
                message="this KME was not provisioned with controlled_applications",
            )
        return self._applications


def _store_failed(error: sqlite3.Error) -> ContractError:
    _log.error("the store fails: %s", type(error).__name__)
    return ContractError(grpc.StatusCode.UNAVAILABLE, "STORE_FAILED", message="the store fails; nothing has changed")
