"""Keys between two sites by ETSI GS QKD 014, as their applications get them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from harness.testbed.reached import Reached
from harness.wire.etsi014.client import KmeEndpoint, SaeClient, open_client
from harness.wire.evidence import EvidenceLog
from harness.wire.tls import Credentials


@dataclass
class Compared:
    """What came of asking for keys at one end and fetching them at the other.

    Attributes:
        equal: keys that were the same at both ends.
        mismatches: keys that were not, or came under other IDs.
        missing: keys that the master got and the slave did not.
        refused: why the master got no more, in words; empty when it got all.
    """

    equal: int = 0
    mismatches: int = 0
    missing: int = 0
    refused: str = ""
    problems: list[str] = field(default_factory=list)


class Applications:
    """The SAEs of a raised network, each with a connection of its own. Use as a context manager; not thread-safe."""

    def __init__(self, reached: Reached) -> None:
        self._reached = reached
        self._clients: dict[str, SaeClient] = {}
        self._log = EvidenceLog(keep=0)

    def exchange(self, master: str, slave: str, number: int = 1) -> Compared:
        """Lets an SAE take keys for another one, which fetches them.

        Args:
            master: SAE ID.
            slave: SAE ID.
            number: of keys of the default size, in one request.
        """
        result = Compared()
        taken = self._client(master).get_key(slave, number=number)
        if not taken.ok or not taken.keys:
            result.refused = taken.describe()
            return result
        fetched = self._client(slave).get_key_with_ids(master, [key.id for key in taken.keys])
        there = {key.id: key.material for key in fetched.keys}
        for key in taken.keys:
            other = there.pop(key.id, None)
            if other is None:
                result.missing += 1
            elif other == key.material:
                result.equal += 1
            else:
                result.mismatches += 1
        result.mismatches += len(there)
        if result.missing or result.mismatches:
            result.problems.append(f"{slave} fetching from {master}: {fetched.describe()}")
        return result

    def close(self) -> None:
        """Closes all connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, sae_id: str) -> SaeClient:
        if sae_id not in self._clients:
            sae = self._reached.sae(sae_id)
            kme = self._reached.kme(sae.kme_id)
            self._clients[sae_id] = open_client(
                sae.id,
                KmeEndpoint(kme.id, kme.url, kme.grpc_address or ""),
                Credentials(sae.certificate_pem, sae.private_key_pem),
                self._reached.trust_pem,
                self._log,
            )
        return self._clients[sae_id]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
