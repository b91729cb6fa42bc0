"""A network that is up, as an SAE reaches it: what a testbed yields and what a target file describes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from harness.pki import Issued, write


@dataclass(frozen=True, slots=True)
class ReachedKme:
    """A KME: the base URL of ETSI GS QKD 014, and ``host:port`` of qkd.kms.v1 (None = not offered)."""

    id: str
    url: str
    grpc_address: str | None = None


@dataclass(frozen=True, slots=True)
class ReachedSae:
    """An SAE that the harness speaks for, and its client certificate. The key never shows in a repr."""

    id: str
    kme_id: str
    certificate_pem: bytes = field(repr=False)
    private_key_pem: bytes = field(repr=False)

    @property
    def credentials(self) -> Issued:
        """Certificate and key."""
        return Issued(self.certificate_pem, self.private_key_pem)


@dataclass(frozen=True, slots=True)
class Outsiders:
    """Clients that a KME has to turn away, each with one defect; None where the harness has none to offer.

    Attributes:
        stranger: signed by the trusted CA, for an SAE that no KME knows.
        foreign: says that it is a known SAE, signed by another CA.
        imposter: the same, signed by another CA that bears the name of the trusted one.
        self_signed: the same, signed by itself.
        expired: a known SAE's certificate from the trusted CA whose time is over.
        future: the same, whose time has not begun.
        server_only: the same, whose extended key usage does not allow clients.
    """

    stranger: Issued | None = None
    foreign: Issued | None = None
    imposter: Issued | None = None
    self_signed: Issued | None = None
    expired: Issued | None = None
    future: Issued | None = None
    server_only: Issued | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """Everything a suite needs to know of a network.

    Attributes:
        trust_pem: the CA that signed the KMEs' certificates.
        kmes: the KMEs.
        saes: the SAEs that the harness speaks for.
        outsiders: see `Outsiders`; also as `stranger` and `foreign`.
    """

    trust_pem: bytes = field(repr=False)
    kmes: tuple[ReachedKme, ...]
    saes: tuple[ReachedSae, ...]
    outsiders: Outsiders = field(default_factory=Outsiders)

    @property
    def stranger(self) -> Issued | None:
        """See `Outsiders`."""
        return self.outsiders.stranger

    @property
    def foreign(self) -> Issued | None:
        """See `Outsiders`."""
        return self.outsiders.foreign

    def kme(self, kme_id: str) -> ReachedKme:
        """The KME of this ID; raises `KeyError`."""
        return _named(self.kmes, kme_id)

    def sae(self, sae_id: str) -> ReachedSae:
        """The SAE of this ID; raises `KeyError`."""
        return _named(self.saes, sae_id)

    def kme_of(self, sae_id: str) -> ReachedKme:
        """The KME that serves this SAE; raises `KeyError`."""
        return self.kme(self.sae(sae_id).kme_id)

    @contextmanager
    def files(self) -> Iterator[CredentialFiles]:
        """All certificates in files of a private folder (0700, keys 0600), removed at the end."""
        with TemporaryDirectory(prefix="qkd-harness-") as folder:
            yield CredentialFiles(Path(folder), self.trust_pem)

    def write_target(self, folder: Path, *, name: str = "hosted", vendor: str = "", version: str = "") -> Path:
        """Writes ``target.toml`` with the PEM files beside it, for `qkd-harness certify`; gives its path.

        The folder is made when it is missing, 0700. A target file does not describe outsiders other than the
        stranger: a suite makes those itself.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "ca.pem").write_bytes(self.trust_pem)
        iut = {"name": name, "vendor": vendor, "version": version, "role": "kme"}
        lines = ["[iut]", *(f"{member} = {_text(value)}" for member, value in iut.items()), "", "[ixit.etsi014]"]
        lines += ['trust = "ca.pem"', *_array("kme", [_kme_table(kme) for kme in self.kmes])]
        tables = []
        for number, sae in enumerate(self.saes, 1):
            write(sae.credentials, folder, f"sae-{number}")
            tables.append({"id": sae.id, "kme": sae.kme_id, **_pem_members(f"sae-{number}")})
        lines += _array("sae", tables)
        if self.stranger is not None:
            write(self.stranger, folder, "stranger")
            lines.append(f"stranger = {_inline(_pem_members('stranger'))}")
        target = folder / "target.toml"
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return target


class CredentialFiles:
    """Certificates as files, for libraries that take nothing else. Made by `Reached.files`.

    Attributes:
        trust: PEM file of the CA certificates.
    """

    def __init__(self, folder: Path, trust_pem: bytes) -> None:
        self._folder = folder
        self._written: dict[Issued, tuple[Path, Path]] = {}
        self.trust = folder / "trust.pem"
        self.trust.write_bytes(trust_pem)

    def of(self, credentials: Issued) -> tuple[Path, Path]:
        """Certificate file and key file, written once."""
        if credentials not in self._written:
            self._written[credentials] = write(credentials, self._folder, f"client-{len(self._written)}")
        return self._written[credentials]


_Named = TypeVar("_Named", ReachedKme, ReachedSae)


def _named(those: tuple[_Named, ...], wanted: str) -> _Named:
    for one in those:
        if one.id == wanted:
            return one
    raise KeyError(wanted)


def _kme_table(kme: ReachedKme) -> dict[str, str]:
    table = {"id": kme.id, "url": kme.url}
    return table | {"grpc": kme.grpc_address} if kme.grpc_address else table


def _pem_members(stem: str) -> dict[str, str]:
    return {"certificate": f"{stem}.pem", "key": f"{stem}.key"}


def _array(name: str, tables: list[dict[str, str]]) -> list[str]:
    return [f"{name} = [", *(f"  {_inline(table)}," for table in tables), "]"]


def _inline(table: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{member} = {_text(value)}" for member, value in table.items()) + " }"


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are all valid there; DEL alone needs one more."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
