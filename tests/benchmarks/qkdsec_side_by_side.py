"""The closest public tool, `qkdsec doctor`, beside this suite, on the same KMEs.

    python -m tests.benchmarks.qkdsec_side_by_side [NAME …] [--every N] [--markdown FILE]

Raises each bundled faulty KME and each correct variant (or those whose names match the globs given), lets `qkdsec
doctor` look at it, runs this suite on it, and prints a table and the totals. qkdsec is given what it can use: an
address, one SAE's certificate, the trust anchor, the other SAE's ID. Two measures are counted, so that the comparison
is fair:

- *verdict*: the fault changes what the tool says of the KME as a whole, against what it says of the correct reference;
- *noticed*: the fault changes the status of any of its probes, against the reference. A tool that notices without
  changing its verdict has left the judgement to its reader.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from harness.hosting import LaunchSpec
from harness.testbed.blocking import BlockingBed, BlockingHost, blocking_host

_QKDSEC = Path(sys.executable).with_name("qkdsec")
_HARNESS = Path(sys.executable).with_name("qkd-harness")


@dataclass(frozen=True)
class Seen:
    """What qkdsec said: its verdict, and the status of each probe."""

    passed: bool
    probes: Mapping[str, str]

    def differs(self, other: Seen) -> list[str]:
        """The probes that came out otherwise than in ``other``."""
        names = sorted(set(self.probes) | set(other.probes))
        return [name for name in names if self.probes.get(name) != other.probes.get(name)]


def ask_qkdsec(bed: BlockingBed, folder: Path) -> Seen:
    """Let ``qkdsec doctor`` look at the first KME, as the first SAE."""
    bed.reached.write_target(folder)
    kme, (one, other) = bed.reached.kmes[0], bed.reached.saes[:2]
    command = [str(_QKDSEC), "doctor", kme.url, "--slave-sae-id", other.id, "--format", "json", "--timeout", "10"]
    command += ["--cert", str(folder / "sae-1.pem"), "--key", str(folder / "sae-1.key")]
    command += ["--ca-cert", str(folder / "ca.pem")]
    assert one.kme_id == kme.id
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    try:
        said = json.loads(ran.stdout)
    except ValueError:
        return Seen(passed=False, probes={"(no report)": f"exit code {ran.returncode}"})
    return Seen(bool(said["passed"]), {entry["name"]: entry["status"] for entry in said["results"]})


def ask_suite(names: Sequence[str]) -> dict[str, Any]:
    """Run ``qkd-harness selfcheck`` on the same KMEs; gives its JSON for the suite."""
    command = [str(_HARNESS), "selfcheck", "--suite", "etsi014", "--json"]
    for name in names:
        command += ["--only", name]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return dict(json.loads(ran.stdout)["etsi014"])


def chosen(host: BlockingHost, patterns: Sequence[str], every: int) -> tuple[dict[str, str], dict[str, str]]:
    """Faults and correct variants to look at: name to one-line description."""
    catalogue = MessageToDict(host.host.description.ics)["selfcheck"]["etsi014"]

    def those(kind: str) -> dict[str, str]:
        named = {name: entry["about"] for name, entry in catalogue[kind].items()}
        if patterns:
            return {name: about for name, about in named.items() if any(fnmatchcase(name, p) for p in patterns)}
        return dict(list(named.items())[::every])

    return those("faults"), those("variants")


def main() -> int:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description="qkdsec doctor beside this suite, on the same KMEs")
    parser.add_argument("names", nargs="*", help="globs of faults and variants; default all")
    parser.add_argument("--every", type=int, default=1, help="without names: only every so many")
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    asked = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="qkdsec-") as folder:
        spec = LaunchSpec(("{python}", "-m", "vendors.faulty"), name="faulty")
        with blocking_host(spec) as host:
            faults, variants = chosen(host, asked.names, asked.every)
            seen: dict[str, Seen] = {}
            for name in ("", *faults, *variants):
                with host.bed(variant=name) as bed:
                    seen[name] = ask_qkdsec(bed, Path(folder) / (name or "reference"))
    qkdsec_s = time.monotonic() - started
    ours = ask_suite([*faults, *variants])
    lines = table(faults, variants, seen, ours)
    lines += ["", f"qkdsec {qkdsec_s:.0f} s, this suite {ours['seconds']:.0f} s, both with raising the KMEs."]
    print("\n".join(lines))
    if asked.markdown:
        asked.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def table(
    faults: Mapping[str, str], variants: Mapping[str, str], seen: Mapping[str, Seen], ours: Mapping[str, Any]
) -> list[str]:
    """The comparison as lines of Markdown, totals last."""
    correct = seen[""]
    rest = ", ".join(f"{name} {status}" for name, status in correct.probes.items() if status != "pass")
    lines = [
        f"qkdsec on the correct reference: {'passed' if correct.passed else 'failed'} ({rest or 'all pass'})",
        "",
        "| KME | qkdsec verdict | probes that changed against the reference | this suite |",
        "|---|---|---|---|",
    ]
    for name in faults:
        by = ours["by_fault"][name]
        caught = ", ".join(dict.fromkeys(entry["requirement"] for entry in by["by"])) if by["caught"] else "missed"
        lines.append(_line(name, seen[name], correct, f"not conformant: {caught}"))
    for name in variants:
        blamed = name in {str(entry) for entry in ours.get("blamed_names", [])} or ours["by_variant"][name].get(
            "blamed"
        )
        lines.append(_line(f"{name} (correct)", seen[name], correct, "blamed" if blamed else "conformant"))
    verdicts = sum(seen[name].passed != correct.passed for name in faults)
    noticed = sum(bool(seen[name].differs(correct)) for name in faults)
    alarms = sum(not seen[name].passed for name in variants)
    lines += [
        "",
        (
            f"{len(faults)} faults: qkdsec's verdict changes for {verdicts}, some probe changes for {noticed};"
            f" this suite catches {ours['caught']} for the right reason."
        ),
        f"{len(variants)} correct variants: qkdsec fails {alarms}; this suite blames {ours['blamed']}.",
    ]
    return lines


def _line(name: str, seen: Seen, correct: Seen, ours: str) -> str:
    changed = [f"{probe} {seen.probes.get(probe, 'absent')}" for probe in seen.differs(correct)]
    return f"| {name} | {'passed' if seen.passed else 'failed'} | {', '.join(changed) or '–'} | {ours} |"


if __name__ == "__main__":
    raise SystemExit(main())
