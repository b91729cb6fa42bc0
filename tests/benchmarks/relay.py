"""How many blocks a second the reference forwarding modules carry, and what a hop costs.

    python -m tests.benchmarks.relay [--seconds 3] [--hops 1 2 3 4 5 6] [--octets 1024] [--kmes]

A chain of forwarding modules in one process; one reader at each end. For each length: blocks/s with the usual window
(throughput) and the processor time of a block at all nodes together (which other work on the machine changes little);
and the time from one block to the next with a window of one (latency: share there, confirmation back).
Hop keys come out of a table, so that the figures are those of the forwarding alone; with --kmes from reference KMEs
in the same process, by qkd.kms.v1 over mutual TLS, whose work counts too. What a hop adds is the slope of a straight
line through the figures; beside it stands how near they are to that line (r2 close to 1: linear in hops).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import uvloop

from tests.vendors.reference.forwarding.rig import KeyTable, Nodes, Reading, chain
from tests.vendors.reference.rig import AUTHORITY, BLOCK_OCTETS, Rig, raised
from vendors.reference.forwarding.credentials import SaeCredentials
from vendors.reference.forwarding.kme_grpc import GrpcHopKeys
from vendors.reference.forwarding.settings import ForwardingSettings
from vendors.reference.settings import KmeSettings

BLOCKS = 1 << 12  # of each link between two KMEs, half of them for either side: 1 MiB


async def carried(rig: Nodes, last: str, seconds: float) -> tuple[float, float]:
    """Blocks a second, read at both ends, and processor time of a block, ms."""
    ends = rig.read("n0", last), rig.read(last, "n0")
    await asyncio.gather(*(end.next(5) for end in ends))
    until = time.perf_counter() + seconds
    start, worked = time.perf_counter(), time.process_time()

    async def read(end: Reading) -> int:
        number = 0
        while time.perf_counter() < until:
            await end.next()
            number += 1
        return number

    number, _ = await asyncio.gather(*(read(end) for end in ends))
    rate, work = number / (time.perf_counter() - start), 1e3 * (time.process_time() - worked) / number
    for end in ends:
        end.call.cancel()
    return rate, work


async def filled(kme_rig: Rig) -> None:
    """Returns when the KMEs have all their blocks: taking them in is no part of what is measured."""
    links = [link for kme in kme_rig.kmes.values() for link in kme.links.values()]
    async with asyncio.timeout(60):
        while any(link.available < BLOCKS // 2 * BLOCK_OCTETS for link in links):  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.05)


@asynccontextmanager
async def raised_chain(hops: int, settings: ForwardingSettings, *, kmes: bool) -> AsyncIterator[Nodes]:
    """The chain, at KMEs of its own or at a table of keys."""
    names = [f"n{i}" for i in range(hops + 1)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not kmes:
            async with chain(folder, hops, settings) as rig:
                yield rig
            return
        saes = {f"sae-{node}": node for node in names}
        limits = KmeSettings(max_key_size=8 * (settings.relay_block_octets + 32), high_water_octets=1 << 24)
        async with raised(folder / "kmes", settings=limits, saes=saes, blocks=BLOCKS) as kme_rig:
            await filled(kme_rig)
            rig = Nodes(folder, KeyTable(), settings)
            async with rig.stack:
                try:
                    for node in names:
                        issued = AUTHORITY.issue_sae(f"sae-{node}")
                        who = SaeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)
                        await rig.start(node, GrpcHopKeys(kme_rig.endpoints[node].grpc, who, settings.kme_timeout_s))
                    for one, other in pairwise(names):
                        await rig.link(one, other)
                    await rig.routes("n0", names[1:])
                    yield rig
                finally:
                    for node in list(rig.up):
                        await rig.stop(node)


async def measure(hops: list[int], settings: ForwardingSettings, seconds: float, *, kmes: bool) -> None:
    """Prints a line for each length, and the fit."""
    print(f"{'hops':>4} {'blocks/s':>9} {'kbit/s':>8} {'CPU ms/block':>12} {'latency ms':>11}")
    times: list[float] = []
    latencies: list[float] = []
    for number in hops:
        async with raised_chain(number, settings, kmes=kmes) as rig:
            rate, work = await carried(rig, f"n{number}", seconds)
        async with raised_chain(number, replace(settings, window=1), kmes=kmes) as rig:
            single, _ = await carried(rig, f"n{number}", seconds)
        times.append(work)
        latencies.append(1e3 / single)
        kbits = rate * settings.relay_block_octets * 8 / 1e3
        print(f"{number:4} {rate:9.0f} {kbits:8.0f} {times[-1]:12.2f} {latencies[-1]:11.2f}", flush=True)
    if len(hops) > 2:
        for what, values in (("work", times), ("latency", latencies)):
            line = statistics.linear_regression(hops, values)
            fit = statistics.correlation(hops, values) ** 2
            print(f"{what}: {line.intercept:.2f} ms + {line.slope:.2f} ms a hop (r2 = {fit:.3f})")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="blocks over chains of reference forwarding modules")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--hops", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--octets", type=int, default=1024, help="in a block")
    parser.add_argument("--kmes", action="store_true", help="hop keys from reference KMEs")
    arguments = parser.parse_args()
    settings = ForwardingSettings(relay_block_octets=arguments.octets)
    uvloop.run(measure(arguments.hops, settings, arguments.seconds, kmes=arguments.kmes))


if __name__ == "__main__":
    main()
