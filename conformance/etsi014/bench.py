"""What lasts for a whole campaign: clients, stock, shared keys, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from conformance.etsi014 import limits
from conformance.etsi014.lag import Lag
from conformance.etsi014.ledger import KeyLedger
from conformance.etsi014.memory import Memory
from conformance.etsi014.pool import Pool
from conformance.etsi014.roles import Role, Roles, assign_roles, open_role
from conformance.etsi014.stock import Stock
from harness.campaign.campaign import Campaign
from harness.campaign.check import Inconclusive
from harness.wire.etsi014 import KmeEndpoint, SaeClient, open_client
from harness.wire.tls import Credentials


class Bench:
    """Everything that a campaign keeps from case to case: clients, stock, shared keys, memory."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.roles: Roles = assign_roles(campaign.reached)
        self.memory = Memory(campaign.clock)
        self.lag = Lag(campaign, self.memory)
        self.ledger = KeyLedger(limits.key_size(campaign.ics))
        self.pool = Pool(campaign.plan.shared)
        self._clients: dict[tuple[str, str], SaeClient] = {}
        self._stocks: dict[tuple[str, str, str], Stock] = {}

    def client(self, role: Role, binding: str) -> SaeClient:
        """The client of an SAE over a binding; opened once."""
        if (role.id, binding) not in self._clients:
            campaign = self.campaign
            client = open_role(campaign.reached, role, binding, campaign.evidence, campaign.options.request_timeout_s)
            self._clients[role.id, binding] = self.ledger.watch(self.memory.watch(client))
        return self._clients[role.id, binding]

    def fresh_client(self, role: Role, binding: str) -> SaeClient:
        """A further client of an SAE, with connections of its own; the caller closes it."""
        campaign = self.campaign
        client = open_role(campaign.reached, role, binding, campaign.evidence, campaign.options.request_timeout_s)
        return self.ledger.watch(self.memory.watch(client))

    def stranger(self, kme_id: str, binding: str) -> SaeClient:
        """The client of an SAE that no KME knows, with a certificate of the trusted CA (facility "stranger")."""
        issued = self.campaign.reached.stranger
        if issued is None:
            raise Inconclusive("the target gives no stranger")
        if ("", binding + kme_id) not in self._clients:
            kme = self.campaign.reached.kme(kme_id)
            self._clients["", binding + kme_id] = open_client(
                "(stranger)",
                KmeEndpoint(kme.id, kme.url, kme.grpc_address or ""),
                Credentials(issued.certificate_pem, issued.private_key_pem),
                self.campaign.reached.trust_pem,
                self.campaign.evidence,
                binding=binding,
                deadline_s=self.campaign.options.request_timeout_s,
            )
        return self._clients["", binding + kme_id]

    @contextmanager
    def with_metadata(self, role: Role, claims: Mapping[str, str]) -> Iterator[SaeClient]:
        """An SAE over gRPC whose calls carry ``claims`` as metadata."""
        from conformance.etsi014.metadata import ClaimingClient  # noqa: PLC0415 - grpc takes long to import

        reached, options = self.campaign.reached, self.campaign.options
        sae, kme = reached.sae(role.id), reached.kme(role.kme_id)
        client = ClaimingClient(
            role.id,
            KmeEndpoint(kme.id, kme.url, kme.grpc_address or ""),
            Credentials(sae.certificate_pem, sae.private_key_pem),
            reached.trust_pem,
            self.campaign.evidence,
            deadline_s=options.request_timeout_s,
        )
        client.claims = claims
        try:
            yield self.memory.watch(client)
        finally:
            client.close()

    def stock(self, master: SaeClient, slave: str) -> Stock:
        """The stock from which ``master`` takes keys for ``slave``."""
        name = (master.id, slave, master.binding)
        if name not in self._stocks:
            self._stocks[name] = Stock(self.campaign, master, slave)
        return self._stocks[name]

    def close(self) -> None:
        """Close all clients."""
        for client in self._clients.values():
            client.close()
