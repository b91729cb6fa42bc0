"""A target file with addresses as a network that is reached, and as what the run record says of it."""

from __future__ import annotations

import re
from dataclasses import replace

from cryptography import x509
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from harness.pki import Issued
from harness.target.credentials import fingerprint
from harness.target.load import Target
from harness.target.model import Credential, Launch
from harness.testbed.outsiders import attached_outsiders
from harness.testbed.reached import Reached, ReachedKme, ReachedSae
from qkd.run.v1 import run_record_pb2 as pb

REDACTED = "(redacted)"
_CERTIFICATES = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_PRIVATE = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


def attached(target: Target) -> Reached:
    """The network that ``target`` describes. Outsiders that need no CA of the target's are made here.

    Raises:
        OSError: a file is gone since the target was loaded.
        ValueError: the target is one that the harness starts itself.
    """
    here = target.etsi014
    if target.hosted or here.trust is None:
        raise ValueError(f"{target.path}: has no addresses")
    kmes = tuple(ReachedKme(kme.id, kme.url.rstrip("/"), kme.grpc or None) for kme in here.kme)
    saes = []
    for sae in here.sae:
        issued = _issued(sae)
        saes.append(ReachedSae(sae.id, sae.kme, issued.certificate_pem, issued.private_key_pem))
    trust_pem = _blocks(here.trust.read_bytes())
    outsiders = attached_outsiders(trust_pem, saes[0].certificate_pem)
    if here.stranger is not None:
        outsiders = replace(outsiders, stranger=_issued(here.stranger))
    return Reached(trust_pem, kmes, tuple(saes), outsiders)


def _issued(credential: Credential) -> Issued:
    found = _PRIVATE.search(credential.key.read_bytes())
    if found is None:
        raise OSError(f"{credential.key}: holds no private key any more")
    return Issued(_blocks(credential.certificate.read_bytes()), found[0] + b"\n")


def _blocks(octets: bytes) -> bytes:
    return b"".join(block + b"\n" for block in _CERTIFICATES.findall(octets))


def described(target: Target) -> pb.Target:
    """What the run record says of ``target``; a launch adds what it learns of the process."""
    iut = target.file.iut
    made = pb.Target(
        name=target.name,
        vendor=iut.vendor if iut else "",
        version=iut.version if iut else "",
        role=iut.role if iut else "kme",
        hosting="process" if target.hosted else "attach",
        target_file_digest=target.digest,
    )
    made.ixit.CopyFrom(_ixit(target))
    if target.file.launch is not None:
        made.variant = target.file.launch.variant
    return made


def _ixit(target: Target) -> Struct:
    """The IXIT without secrets: certificates by subject and fingerprint, keys and environment values not at all."""
    here = target.etsi014
    told: dict[str, object] = {"draining": target.draining, "disturbing": target.disturbing}
    if here.key_budget is not None:
        told["key_budget"] = here.key_budget
    if target.file.launch is not None:
        told["launch"] = _launch(target.file.launch)
    else:
        assert here.trust is not None  # noqa: S101 - the rules of target files see to it
        told["trust"] = _certificates(here.trust.read_bytes())
        told["kme"] = [{"id": kme.id, "url": kme.url} | ({"grpc": kme.grpc} if kme.grpc else {}) for kme in here.kme]
        told["sae"] = [{"id": sae.id, "kme": sae.kme} | _credential(sae) for sae in here.sae]
        if here.stranger:
            told["stranger"] = _credential(here.stranger)
    return ParseDict({"etsi014": told}, Struct())


def _credential(credential: Credential) -> dict[str, object]:
    [leaf, *_] = _certificates(credential.certificate.read_bytes())
    return {"certificate": leaf, "key": REDACTED}


def _certificates(octets: bytes) -> list[dict[str, str]]:
    return [
        {"subject": found.subject.rfc4514_string(), "sha256": fingerprint(found)}
        for found in x509.load_pem_x509_certificates(octets)
    ]


def _launch(launch: Launch) -> dict[str, object]:
    told: dict[str, object] = {"shared": launch.shared}
    if launch.vendor:
        told["vendor"] = launch.vendor
    if launch.command:
        told["command"] = list(launch.command)
    if launch.settings:
        told["settings"] = dict(launch.settings)
    if launch.environment:
        told["environment"] = dict.fromkeys(launch.environment, REDACTED)
    return told
