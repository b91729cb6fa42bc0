"""Modules of Toshiba, emulated: T12 (decoy-state BB84, phase-encoded), 1 GHz, 1310 nm.

Stable, as they optimise themselves. Gaps for their own upkeep: settings `lapse_every_s` and `lapse_s`, off by default.
"""

from __future__ import annotations

from functools import partial

from qkd.device.v1.module_pb2 import HANDOVER_ETSI014, PROTOCOL_DECOY_BB84
from vendors.emulation.maker import EmulatedMaker
from vendors.emulation.published import PublishedRates
from vendors.emulation.rates import DECOY_BB84
from vendors.emulation.spec import PAIR, ModelSpec


class Toshiba(EmulatedMaker):
    """One model, sold in pairs."""

    name = "toshiba"
    vendor = "Toshiba"
    models = (
        ModelSpec(
            maker="Toshiba",
            model="T12 1310 nm",
            protocol=PROTOCOL_DECOY_BB84,
            roles=PAIR,
            channels=("O",),
            handover=HANDOVER_ETSI014,
            rates=partial(PublishedRates, DECOY_BB84),
            defaults={"block_octets": 4096, "spread": 0.01},
        ),
    )
