"""Who plays which part: the SAEs of a target as master, slave and third party."""

from __future__ import annotations

from dataclasses import dataclass

from harness.campaign.suite import SuiteUnreachable
from harness.testbed.reached import Reached, ReachedSae
from harness.wire.etsi014 import KmeEndpoint, SaeClient, open_client
from harness.wire.evidence import Observer
from harness.wire.tls import Credentials


@dataclass(frozen=True)
class Role:
    """An SAE and the KME that serves it."""

    id: str
    kme_id: str


@dataclass(frozen=True)
class Roles:
    """The parts of a campaign; ``others`` are the SAEs beyond master and slave, the third party first."""

    master: Role
    slave: Role
    others: tuple[Role, ...] = ()

    @property
    def third(self) -> Role | None:
        """An SAE that is neither master nor slave."""
        return self.others[0] if self.others else None


def assign_roles(reached: Reached) -> Roles:
    """Master and slave at two KMEs, and the third party at the slave's KME if that can be had.

    A KME can answer 401 for another SAE's key (5.4) only if it has the key, hence the wish for the third party.

    Raises:
        SuiteUnreachable: there are fewer than two SAEs.
    """
    saes = [_role(sae) for sae in reached.saes]
    if len(saes) < 2:
        raise SuiteUnreachable("the target has fewer than two SAEs: give two, one at each KME ([ixit.etsi014] sae)")
    first = saes[0]
    second = next((sae for sae in saes if sae.kme_id != first.kme_id), saes[1])
    rest = [sae for sae in saes if sae not in (first, second)]
    third = next((sae for kme in (second.kme_id, first.kme_id) for sae in rest if sae.kme_id == kme), None)
    if third is None:
        return Roles(first, second, tuple(rest))
    others = (third, *(sae for sae in rest if sae is not third))
    if third.kme_id == second.kme_id:
        return Roles(first, second, others)
    return Roles(second, first, others)


def open_role(reached: Reached, role: Role, binding: str, observer: Observer, deadline_s: float) -> SaeClient:
    """A client for an SAE of the target. Nothing is connected yet."""
    sae, kme = reached.sae(role.id), reached.kme(role.kme_id)
    return open_client(
        role.id,
        KmeEndpoint(kme.id, kme.url, kme.grpc_address or ""),
        Credentials(sae.certificate_pem, sae.private_key_pem),
        reached.trust_pem,
        observer,
        binding=binding,
        deadline_s=deadline_s,
    )


def _role(sae: ReachedSae) -> Role:
    return Role(sae.id, sae.kme_id)
