"""Who is who: the SAEs of the network and the KMEs that serve them (4)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """The network as one KME knows it.

    Attributes:
        kme_id: this KME.
        kme_of: the serving KME of every SAE, by SAE ID.
    """

    kme_id: str
    kme_of: Mapping[str, str]

    def serves(self, sae_id: str) -> bool:
        """Whether the SAE is one of this KME's own."""
        return self.kme_of.get(sae_id) == self.kme_id
