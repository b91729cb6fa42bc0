"""`qkd.kms.v1.StoreService`: what is in store, and what became of every bit. Never key bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

import grpc

from harness.sdk import ContractError
from qkd.kms.v1.store_pb2 import GetStoreRequest, GetStoreResponse, LinkStore, SourceStore
from qkd.kms.v1.store_pb2_grpc import StoreServiceServicer

from .cutter import Cutter
from .intake.intakes import Intakes
from .link import Link
from .settings import KmeSettings

Context = grpc.aio.ServicerContext[Any, Any]


class StoreServicer(StoreServiceServicer):
    """The servicer of one KME. Serve it with mutual TLS.

    Args:
        links: by the KME ID of the other end.
        monitors: common names of the certificates that may ask.
    """

    def __init__(
        self,
        links: Mapping[str, Link],
        intakes: Intakes,
        cutter: Cutter,
        settings: KmeSettings,
        monitors: Collection[str],
    ) -> None:
        self._links = links
        self._intakes = intakes
        self._cutter = cutter
        self._settings = settings
        self._monitors = frozenset(monitors)

    async def GetStore(self, request: GetStoreRequest, context: Context) -> GetStoreResponse:
        """The account of every link; PERMISSION_DENIED for all but the monitors."""
        names = list(context.auth_context().get("x509_common_name", ()))
        if len(names) != 1 or names[0].decode("utf-8", "replace") not in self._monitors:
            raise ContractError(grpc.StatusCode.PERMISSION_DENIED, "NOT_A_MONITOR", message="not a monitor of this KME")
        return self.report()

    def report(self) -> GetStoreResponse:
        """The account as it is now."""
        return GetStoreResponse(
            links=[self._link(kme_id, link) for kme_id, link in self._links.items()],
            sources=[SourceStore(**asdict(report)) for report in self._intakes.report()],
        )

    def _link(self, kme_id: str, link: Link) -> LinkStore:
        account = link.account
        return LinkStore(
            link_id=link.link_id,
            peer_kme_id=kme_id,
            received_bits=account.received,
            in_stock_bits=8 * link.stock,
            reserved_bits=account.reserved,
            delivered_bits=account.delivered,
            relay_bits=account.relay,
            expired_bits=account.expired,
            destroyed_bits=account.destroyed,
            stored_key_count=link.available // self._cutter.octets(self._settings.key_size),
            low=link.stock < self._settings.low_water,
        )
