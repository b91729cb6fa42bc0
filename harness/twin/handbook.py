"""What somebody needs who develops against a raised network: addresses, certificates, a call to begin with."""

from __future__ import annotations

from pathlib import Path

from harness.pki import write
from harness.testbed.reached import Reached
from harness.topology import Topology


def write_handbook(reached: Reached, topology: Topology, folder: Path) -> Path:
    """Writes certificates (keys 0600) and `README.md` into a folder; gives that file.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "ca.pem").write_bytes(reached.trust_pem)
    for sae in reached.saes:
        write(sae.credentials, folder, sae.id)
    page = folder / "README.md"
    page.write_text("\n".join(_lines(reached, topology)) + "\n", encoding="utf-8")
    return page


def _lines(reached: Reached, topology: Topology) -> list[str]:
    lines = [f"# {topology.title}", "", "| KME | ETSI GS QKD 014 | gRPC (qkd.kms.v1) | its SAEs |", "|---|---|---|---|"]
    for kme in reached.kmes:
        saes = ", ".join(sae.id for sae in reached.saes if sae.kme_id == kme.id)
        lines.append(f"| {kme.id} | {kme.url} | {kme.grpc_address or ''} | {saes} |")
    if len(reached.saes) > 1:
        one, other = reached.saes[0], reached.saes[-1]
        url = reached.kme_of(one.id).url
        lines += [
            "",
            f"A key for {one.id} and {other.id}:",
            "",
            "```",
            f"curl --cacert ca.pem --cert {one.id}.pem --key {one.id}.key {url}/api/v1/keys/{other.id}/enc_keys",
            "```",
        ]
    return lines
