"""A folder of certificates as a user would have it, and a way to write target files into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from harness.pki import Authority, write

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

GOOD = """\
[iut]
name = "acme-kme"
vendor = "ACME"
version = "1.2.3"
role = "kme"

[ixit.etsi014]
trust = "ca.pem"
kme = [ { id = "kme-a", url = "https://127.0.0.1:8443" }, { id = "kme-b", url = "https://127.0.0.1:9443" } ]
sae = [ { id = "sae-1", kme = "kme-a", certificate = "sae-1.pem", key = "sae-1.key" },
        { id = "sae-2", kme = "kme-b", certificate = "sae-2.pem", key = "sae-2.key" },
        { id = "sae-3", kme = "kme-b", certificate = "sae-3.pem", key = "sae-3.key" } ]
stranger = { certificate = "sae-unknown.pem", key = "sae-unknown.key" }
key_budget = 400
draining = true

[ics.etsi014]
multicast = true
"""


@pytest.fixture(scope="session")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates and keys of all sorts."""
    folder = tmp_path_factory.mktemp("wallet")
    authority = Authority("acme CA", now=NOW)
    (folder / "ca.pem").write_bytes(authority.certificate_pem)
    for name in ("sae-1", "sae-2", "sae-3", "sae-unknown"):
        write(authority.issue_sae(name), folder, name)
    write(authority.issue_expired_sae("sae-1"), folder, "expired")
    write(authority.issue_future_sae("sae-1"), folder, "future")
    old = Authority("old CA", now=NOW - timedelta(days=400))
    (folder / "old-ca.pem").write_bytes(old.certificate_pem)
    (folder / "both-ca.pem").write_bytes(authority.certificate_pem + old.certificate_pem)
    _odd_files(folder)
    return folder


def _odd_files(folder: Path) -> None:
    key = serialization.load_pem_private_key((folder / "sae-1.key").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hush"),
    )
    traditional = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"hush"),
    )
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both = (folder / "sae-1.pem").read_bytes() + (folder / "sae-1.key").read_bytes()
    damaged = (folder / "sae-1.pem").read_text().replace("MII", "AAA", 1)
    for name, content in {
        "locked.key": locked,
        "locked-old.key": traditional,
        "der.key": der,
        "combined.pem": both,
        "damaged.pem": damaged.encode(),
        "damaged.key": b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        "text.pem": b"hello\n",
        "open.key": (folder / "sae-1.key").read_bytes(),
    }.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    (folder / "open.key").chmod(0o644)


@pytest.fixture
def written(wallet: Path) -> Iterator[Callable[[str], Path]]:
    """Writes a target file into the folder."""
    path = wallet / "acme.toml"

    def write_target(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        return path

    yield write_target
    path.unlink(missing_ok=True)
