"""How a raised network grows: time until it is ready, memory, processes, pairs.

    python -m tests.benchmarks.scale [SCENARIO ...] [--wait 300]

Without arguments: `madqci`, and synthetic networks of 9, 30 and 100 nodes. Each is raised by `qkd-harness up --check`
in a process of its own, one after the other; "wall" is with taking it down. Resident memory counts pages that
processes share in each of them. Prints one row as soon as it is known.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

USUAL = ("madqci", "euroqci-synthetic:9,2", "euroqci-synthetic:30,3", "euroqci-synthetic:100,5")
COLUMNS = ("scenario", "systems", "pairs", "equal", "processes", "ready s", "wall s", "peak MiB", "missing")


def measured(scenario: str, *options: str) -> tuple[dict[str, Any], float]:
    """What `up --check` says of a scenario, and how long it all took, seconds."""
    program = Path(sys.executable).with_name("qkd-harness")
    started = time.monotonic()
    run = subprocess.run(
        [str(program), "up", scenario, "--check", "--json", *options], stdout=subprocess.PIPE, text=True, check=False
    )
    return json.loads(run.stdout or "{}"), time.monotonic() - started


def row(scenario: str, found: dict[str, Any], wall_s: float) -> list[str]:
    """One line of the table."""
    ready = found.get("ready_s")
    return [
        scenario,
        str(len(found.get("links", ()))),
        str(found.get("pairs", "")),
        str(found.get("pairs_equal", "")),
        str(found.get("processes", "")),
        "-" if ready is None else f"{ready:.1f}",
        f"{wall_s:.1f}",
        str(found.get("peak_rss_mib", "")),
        str(len(found.get("missing", ())) if found.get("links") else found.get("error", "failed")),
    ]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", default=USUAL)
    parser.add_argument("--wait", default="300")
    chosen = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for scenario in chosen.scenarios:
        found, wall_s = measured(scenario, "--wait", chosen.wait)
        print("| " + " | ".join(row(scenario, found, wall_s)) + " |", flush=True)


if __name__ == "__main__":
    main()
