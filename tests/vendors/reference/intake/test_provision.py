"""What the harness says when it provisions a KME, as the KME takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qkd.vendor.v1 import vendor_pb2 as wire
from tests.vendors.reference.rig import AUTHORITY
from vendors.reference.intake.choice import Combining
from vendors.reference.kme import Provision, ReferenceKme
from vendors.reference.network import Network
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceAddress, SourceKind
from vendors.reference.tls import KmeCredentials
from vendors.reference.vendor import _provision


def test_sources_policies_and_monitors() -> None:
    request = wire.ProvisionKmeRequest(
        kme_id="kme-a",
        key_sources=[
            wire.KeySource(
                link_id="link",
                address="https://127.0.0.1:1",
                peer_kme_id="kme-b",
                kind=wire.KEY_SOURCE_KIND_ETSI014,
                source_id="link/idq",
                maker="IDQ",
                module_id="a/idq",
            )
        ],
        link_policies=[wire.LinkPolicy(peer_kme_id="kme-b", combining=wire.COMBINING_ALL_ELSE_REMAINING)],
        monitors=["monitor"],
    )
    provision = _provision(request, KmeSettings())
    assert provision.sources == [
        SourceAddress(
            "link", "https://127.0.0.1:1", "", "kme-b", SourceKind.ETSI014, "link/idq", maker="IDQ", module_id="a/idq"
        )
    ]
    assert provision.combining == {"kme-b": Combining.ALL_ELSE_REMAINING}
    assert provision.monitors == ("monitor",)


def test_the_numbers_are_those_of_the_contract() -> None:
    kinds = {f"KEY_SOURCE_KIND_{kind.name}": kind.value for kind in SourceKind if kind != SourceKind.COUNTED}
    assert kinds | {"KEY_SOURCE_KIND_UNSPECIFIED": SourceKind.COUNTED.value} == dict(wire.KeySourceKind.items())
    assert {f"COMBINING_{one.name}": one.value for one in Combining} == dict(wire.Combining.items())


@pytest.mark.parametrize(
    ("kinds", "names", "says"),
    [
        ((SourceKind.RELAY, SourceKind.RELAY), ("", ""), "source_id"),
        ((SourceKind.COUNTED, SourceKind.RELAY), ("one", "two"), "the only one"),
        ((SourceKind.COUNTED, SourceKind.COUNTED), ("one", "two"), "two links"),
    ],
)
def test_sources_that_cannot_be(
    tmp_path: Path, kinds: tuple[SourceKind, SourceKind], names: tuple[str, str], says: str
) -> None:
    issued = AUTHORITY.issue_kme("kme-a")
    provision = Provision(
        Network("kme-a", {}),
        KmeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem),
        [SourceAddress("link", "", "", "kme-b", kind, name) for kind, name in zip(kinds, names, strict=True)],
    )
    with pytest.raises(ValueError, match=says):
        ReferenceKme(provision, tmp_path)
