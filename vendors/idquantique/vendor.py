"""Cerberis 3 of ID Quantique, emulated: coherent one-way.

Its interferometer drifts with the temperature of its surroundings, and rate and QBER fluctuate with it: see
`phase_per_c` and `misalignment_per_c` of the rate model. The O band and two C-band channels, as in MadQCI.
"""

from __future__ import annotations

from functools import partial

from qkd.device.v1.module_pb2 import HANDOVER_ETSI014, PROTOCOL_COW
from vendors.emulation.maker import EmulatedMaker
from vendors.emulation.published import PublishedRates
from vendors.emulation.rates import COW
from vendors.emulation.spec import PAIR, ModelSpec


class IdQuantique(EmulatedMaker):
    """One model, sold in pairs."""

    name = "idq"
    vendor = "ID Quantique"
    models = (
        ModelSpec(
            maker="ID Quantique",
            model="Cerberis 3",
            protocol=PROTOCOL_COW,
            roles=PAIR,
            channels=("O", "C-32", "C-34"),
            handover=HANDOVER_ETSI014,
            rates=partial(PublishedRates, COW),
            defaults={"block_octets": 32, "spread": 0.08},
        ),
    )
