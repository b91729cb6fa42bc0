"""Table 1 of the MadQCI paper, row by row, beside what the calibrated models give.

V. Martín et al., "MadQCI: a heterogeneous and scalable SDN-QKD network deployed in production facilities", npj
Quantum Information (2024), doi 10.1038/s41534-024-00873-2. The text gives the loss of link 8 (11.8 dB in the C-band),
the range of all (2.0 to 14.3 dB), and the O-band as about 50 % higher in dB. The labels of Fig. 2 are not in the
text: every other loss here is ASSUMED, chosen within that range so that all switched paths stay below the 23 dB of
the Huawei modules. The topology decides in the end: pass its losses to `compare`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from .calibration import Calibrated, calibrate
from .conditions import Conditions
from .models import COW, DECOY_BB84, GG02, QPSK, Model

Standing = Literal["read", "derived", "assumed"]

O_BAND_FACTOR = 1.5
SWITCH_LOSS_DB = 1.0
"""Of the optical switch where two links of a path meet. Assumed."""
REMOTE = "remote"


class LinkLoss(NamedTuple):
    """Loss of a link in the C-band, dB, and how it is known."""

    c_band_db: float
    standing: Standing = "assumed"


LOSSES: Mapping[str, LinkLoss] = MappingProxyType(
    {
        "1": LinkLoss(14.3),  # the largest of the range: low direct, and hardly a key when switched on to link 3
        "2": LinkLoss(7.0),
        "3": LinkLoss(5.0),
        "4": LinkLoss(5.5),
        "5": LinkLoss(4.5),
        "6": LinkLoss(6.0),
        "7": LinkLoss(7.5),
        "8": LinkLoss(11.8, "read"),
        "9": LinkLoss(2.0),  # the smallest of the range: the highest rate
        REMOTE: LinkLoss(2.0),  # 4.3 km of fibre (read) at 0.2 dB/km, and connectors
    }
)


class Row(NamedTuple):
    """One line of Table 1.

    Attributes:
        path: link numbers in order; more than one = switched.
        direction: as the table gives it; empty = none given.
        maker: as the table writes it.
        model: that stands for the maker's modules.
        channel: "C-37", "O", ...
        skr_kbps: average, thousand bits a second.
        qber: average, 0 to 0.5; None where the table has none.
    """

    path: tuple[str, ...]
    direction: str
    maker: str
    model: Model[Any]
    channel: str
    skr_kbps: float
    qber: float | None = None

    @property
    def label(self) -> str:
        """Links and direction, as text."""
        return " + ".join(self.path) + (f" ({self.direction})" if self.direction else "")


def _huawei(path: str, direction: str, **kbps: float) -> Iterator[Row]:
    for channel, rate in kbps.items():
        yield Row(tuple(path.split("+")), direction, "HWDU", GG02, channel.replace("_", "-"), rate)


def _idq(path: str, channel: str, kbps: float, percent: float) -> Row:
    return Row((path,), "", "ID Quantique", COW, channel, kbps, percent / 100)


def _toshiba(path: str, kbps: float, percent: float) -> Row:
    return Row((path,), "", "Toshiba", DECOY_BB84, "O", kbps, percent / 100)


TABLE_1: tuple[Row, ...] = (
    *_huawei("1", "", C_37=3.3),
    *_huawei("2", "", C_37=5.5, C_38=6.2),
    _idq("2", "C-34", 1.9, 2.4),
    _idq("3", "O", 2.04, 2.2),
    *_huawei("3", "Quijote→Quevedo", C_37=4.0, C_38=2.25),
    *_huawei("3", "Quevedo→Quijote", C_37=11.0, C_38=7.8),
    _idq("4", "O", 1.4, 4.2),
    *_huawei("4", "Quevedo→Norte", C_37=8.7, C_38=12.0),
    *_huawei("4", "Norte→Quevedo", C_37=9.0, C_38=6.2),
    *_huawei("5", "", C_34=0.09),
    _toshiba("5", 1039.9, 3.4),
    *_huawei("6", "", C_37=8.1, C_38=8.4),
    _idq("6", "C-32", 1.5, 3.3),
    *_huawei("7", "", C_37=7.4),
    _toshiba("7", 242.3, 4.0),
    _toshiba("8", 37.2, 3.0),
    _toshiba("9", 2857.1, 2.5),
    *_huawei("6+7", "", C_37=0.11),
    *_huawei("4+7", "Quevedo→Norte", C_37=2.4),
    *_huawei("3+4", "Quijote→Quevedo→Norte", C_37=7.1, C_38=5.2),
    *_huawei("2+3+4", "Quijote→Quevedo→Norte", C_37=0.07, C_38=0.01),
    *_huawei("4+6", "Norte→Quevedo", C_37=4.3, C_38=4.3),
    *_huawei("2+3+4", "Norte→Quevedo→Quijote", C_37=1.8, C_38=1.7),
    *_huawei("3+4+6", "Quijote→Quevedo→Norte", C_37=0.04, C_38=0.04),
    *_huawei("3+4", "Norte→Quevedo→Quijote", C_37=6.0, C_38=6.6),
    *_huawei("1+3", "Quevedo→Quijote", C_37=0.07),
    Row((REMOTE,), "", "AIT", QPSK, "C", 14.0),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A line of Table 1 and the calibrated model.

    Attributes:
        row: of the table.
        loss_db: of the path at the channel's wavelength, dB, switches among them.
        standing: of the loss: "read" off the paper, "derived" from what is read there, or "assumed".
        calibrated: what the model gives, and by which knobs.
    """

    row: Row
    loss_db: float
    standing: Standing
    calibrated: Calibrated[Any]


def path_loss(row: Row, losses: Mapping[str, LinkLoss] = LOSSES) -> tuple[float, Standing]:
    """Loss of a row's path at its wavelength, dB, and how it is known.

    Raises:
        KeyError: a link of the path has no loss.
    """
    links = [losses[link] for link in row.path]
    total = sum(link.c_band_db for link in links) + SWITCH_LOSS_DB * (len(links) - 1)
    if len(links) > 1 or any(link.standing == "assumed" for link in links):
        standing: Standing = "assumed"  # the switches' loss is
    else:
        standing = links[0].standing
    if row.channel != "O":
        return total, standing
    return total * O_BAND_FACTOR, "derived" if standing == "read" else standing


def compare(losses: Mapping[str, LinkLoss] = LOSSES, noise_photons_per_s_nm: float = 0.0) -> tuple[Comparison, ...]:
    """Every row of Table 1, calibrated by itself under its loss and the given noise.

    Raises:
        KeyError: a link of a path has no loss.
    """
    compared = []
    for row in TABLE_1:
        loss_db, standing = path_loss(row, losses)
        conditions = Conditions(loss_db, noise_photons_per_s_nm=noise_photons_per_s_nm)
        result = calibrate(row.model, conditions, skr_bps=row.skr_kbps * 1e3, qber=row.qber)
        compared.append(Comparison(row, loss_db, standing, result))
    return tuple(compared)
