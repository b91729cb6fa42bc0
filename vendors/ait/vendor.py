"""Modules of AIT, emulated: continuous variables with four states, 100 MBd, true local oscillator.

Experimental: the transmitter is away once in every quarter of an hour of the plant's time, and comes back
(settings `lapse_every_s`, `lapse_s`; 0 = always there). The channels are our choice within the C band.
"""

from __future__ import annotations

from functools import partial

from qkd.device.v1.module_pb2 import HANDOVER_TCP_PUSH, PROTOCOL_CV_QPSK
from vendors.emulation.maker import EmulatedMaker
from vendors.emulation.published import PublishedRates
from vendors.emulation.rates import QPSK
from vendors.emulation.spec import PAIR, ModelSpec


class Ait(EmulatedMaker):
    """One model, built in pairs."""

    name = "ait"
    vendor = "AIT"
    models = (
        ModelSpec(
            maker="AIT",
            model="CV QPSK prototype",
            protocol=PROTOCOL_CV_QPSK,
            roles=PAIR,
            channels=tuple(f"C-{number}" for number in range(30, 41)),
            handover=HANDOVER_TCP_PUSH,
            rates=partial(PublishedRates, QPSK),
            defaults={"block_octets": 256, "spread": 0.1, "lapse_every_s": 900.0, "lapse_s": 20.0},
        ),
    )
