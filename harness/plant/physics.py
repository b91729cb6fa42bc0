"""What light meets in the plant: loss, Raman noise, wrong states, an eavesdropper. Pure functions.

Sources, and what is ours:
    Raman scattering: P. Eraerds, N. Walenta, M. Legré, N. Gisin, H. Zbinden, "Quantum key distribution and 1 Gbps
        data encryption over a single fibre", New Journal of Physics 12, 063027 (2010), for the two formulas and the
        order of the coefficient. Their formulas take one attenuation for both waves; here each wave has its own, and
        with equal ones the results are theirs.
    In MadQCI the quantum channel runs in the direction of the classical ones and their power was left as it was (npj
        Quantum Information, 2024, "Optical layout"): hence forward scattering; the power itself is ours.
    Bends: the third at 1310 nm is the contract's (`Disturbance.bend_loss_db`).
    Connectors, switches, drift: ours, of the size that data sheets and fields show. A link's own loss is taken as
        measured from patch panel to patch panel.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

O_BAND = "O"

# Ours: a mated pair of good connectors, and one passage through an all-optical matrix switch with its own.
CONNECTOR_LOSS_DB = 0.12
SWITCH_LOSS_DB = 1.0

# Effective Raman coefficient within the C band, per km of fibre and nm of bandwidth: a few 1e-9 (Eraerds et al.).
RAMAN_PER_KM_NM = 2e-9
# Ours. From 1550 to 1310 nm is an anti-Stokes shift of 35 THz. The phonons for it are rare at 293 K, exp(-h·35 THz/kT)
# = 3e-3, and so far from its peak at 13 THz the gain of silica is lower still.
O_BAND_RAMAN_FACTOR = 1e-3
# Ours. With 0 dBm the by-passed path over links 4 and 6 of MadQCI, on which a key was made, would be too noisy.
CLASSICAL_LAUNCH_DBM = -6.0

_PLANCK_LIGHT = 6.62607015e-34 * 299_792_458.0  # J m
_WAVELENGTH_M = {False: 1550e-9, True: 1310e-9}

# Ours: what stays of wrong states when all is aligned, and how far alignment wanders. The wander grows with the root
# of the length, as polarisation mode dispersion does.
BASE_ERROR = 0.002
_WANDER_RAD_PER_ROOT_KM = 0.012
_WARMTH_RAD_PER_C_ROOT_KM = 0.0015
_PERIODS_S = (86_400.0, 5_400.0, 660.0)
_WEIGHTS = (0.6, 0.25, 0.15)
_DAY_S = 86_400.0
_DAILY_SWING_C = 1.5


def transmission(loss_db: float) -> float:
    """Share of the light that is left after `loss_db`, 0 to 1."""
    return math.pow(10.0, -loss_db / 10.0)


def disturbance_loss_db(added_db: float, bend_db: float, *, o_band: bool) -> float:
    """What added loss and a bend (dB at 1550 nm) cost, dB: a bend costs a third at 1310 nm."""
    return added_db + (bend_db / 3.0 if o_band else bend_db)


def combined(shares: Iterable[float]) -> float:
    """Share hit at least once when each of several independent causes hits its own share, 0 to 1."""
    left = 1.0
    for share in shares:
        left *= 1.0 - share
    return 1.0 - left


def either(one: float, other: float) -> float:
    """Probability that exactly one of two turns happens: turned twice is turned back."""
    return one + other - 2.0 * one * other


# -- Raman scattering ---------------------------------------------------------------------------------------


def raman_forward_w_nm(launch_w: float, length_km: float, loss_c_db: float, loss_q_db: float, rho: float) -> float:
    """Forward scattered power at the far end of a fibre, W per nm of bandwidth (Eraerds et al. 2010).

    The integral over the fibre of launch · exp(-αc z) · ρ · exp(-αq (L - z)); with αc = αq: P_out · L · ρ.

    Args:
        launch_w: power of the classical light where it enters, W.
        length_km: of the fibre.
        loss_c_db: of the whole fibre for the classical light, dB.
        loss_q_db: of the whole fibre for the quantum channel, dB.
        rho: effective coefficient, per km and nm.
    """
    if length_km <= 0:
        return 0.0
    classical, quantum = _per_km(loss_c_db, length_km), _per_km(loss_q_db, length_km)
    if math.isclose(classical, quantum, rel_tol=1e-9, abs_tol=1e-12):
        return launch_w * math.exp(-classical * length_km) * length_km * rho
    spread = math.exp(-classical * length_km) - math.exp(-quantum * length_km)
    return launch_w * rho * spread / (quantum - classical)


def raman_backward_w_nm(launch_w: float, length_km: float, loss_c_db: float, loss_q_db: float, rho: float) -> float:
    """Backward scattered power where the classical light enters, W per nm; arguments as of the forward one.

    The integral of launch · exp(-(αc + αq) z) · ρ; with αc = αq: P_out · sinh(α L) / α · ρ. For plans in which
    classical light comes towards the quantum signals; the plant itself has one fibre for each direction.
    """
    if length_km <= 0:
        return 0.0
    both = _per_km(loss_c_db, length_km) + _per_km(loss_q_db, length_km)
    if both <= 1e-12:
        return launch_w * rho * length_km
    return launch_w * rho * (1.0 - math.exp(-both * length_km)) / both


def raman_photons_per_s_nm(
    channels: int, length_km: float, loss_c_db: float, loss_o_db: float, *, o_band: bool, launch_dbm: float
) -> float:
    """Noise photons of co-propagating classical channels at the end of a fibre, per second and nm.

    Args:
        channels: classical channels in the C band that run in this fibre, in the same direction.
        length_km: of the fibre.
        loss_c_db: of the whole fibre in the C band, dB.
        loss_o_db: of the whole fibre at 1310 nm, dB.
        o_band: whether the quantum channel is at 1310 nm.
        launch_dbm: power of one classical channel where it enters, dBm.
    """
    launch_w = channels * 1e-3 * math.pow(10.0, launch_dbm / 10.0)
    rho = RAMAN_PER_KM_NM * (O_BAND_RAMAN_FACTOR if o_band else 1.0)
    power = raman_forward_w_nm(launch_w, length_km, loss_c_db, loss_o_db if o_band else loss_c_db, rho)
    return power * _WAVELENGTH_M[o_band] / _PLANCK_LIGHT


def _per_km(loss_db: float, length_km: float) -> float:
    return loss_db * math.log(10.0) / 10.0 / length_km


# -- drift --------------------------------------------------------------------------------------------------


def misalignment(seed: int, link_id: str, length_km: float, time_s: float, warmth_c: float = 0.0) -> float:
    """Probability that a fibre turns a signal to the wrong state at a time, 0 to 0.5.

    A slow wander of the state's angle (a day, an hour and a half, eleven minutes; phases from seed and link) and
    what a change of temperature adds: sin² of the angle.

    Args:
        seed: of the plant; the same seed gives the same drift.
        link_id: whose fibre.
        length_km: of the fibre.
        time_s: of the plant.
        warmth_c: change of temperature by a disturbance, degrees Celsius, either sign.
    """
    phases = _phases(seed, "drift " + link_id)
    wander = sum(
        weight * math.sin(2.0 * math.pi * (time_s / period + phase))
        for weight, period, phase in zip(_WEIGHTS, _PERIODS_S, phases, strict=False)
    )
    root = math.sqrt(length_km)
    angle = root * (_WANDER_RAD_PER_ROOT_KM * abs(wander) + _WARMTH_RAD_PER_C_ROOT_KM * abs(warmth_c))
    return min(0.5, math.sin(min(angle, math.pi / 4)) ** 2)


def site_temperature_c(seed: int, site: str, ambient_c: float, time_s: float) -> float:
    """Temperature of an equipment room, degrees Celsius: ambient, and a small swing over the day (ours)."""
    phase = _phases(seed, "day " + site)[0]
    return ambient_c + _DAILY_SWING_C * math.sin(2.0 * math.pi * (time_s / _DAY_S + phase))


@lru_cache(maxsize=4096)
def _phases(seed: int, name: str) -> tuple[float, ...]:
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return tuple(int.from_bytes(digest[i : i + 4], "big") / 2**32 for i in (0, 4, 8))


def draw(seed: int, name: str, count: int) -> tuple[float, int]:
    """A share in [0, 1) and a whole number, the same for the same arguments: chance that can be repeated."""
    digest = hashlib.sha256(f"{seed} {name} {count}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56, int.from_bytes(digest[8:16], "big")


# -- a whole path -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A fibre, connector or switch on the way, in the order of the light.

    Attributes:
        loss_db: at the channel's wavelength, dB.
        length_km: of fibre.
        noise_photons_per_s_nm: that arise in it, as they leave it.
        intercepted: share of the signals measured and sent anew in it, 0 to 1.
    """

    loss_db: float
    length_km: float = 0.0
    noise_photons_per_s_nm: float = 0.0
    intercepted: float = 0.0


def along(pieces: Iterable[Piece]) -> Piece:
    """A row of pieces as one: losses add in dB, noise of one piece is weakened by those after it."""
    loss = length = noise = 0.0
    shares = []
    for piece in pieces:
        loss += piece.loss_db
        length += piece.length_km
        noise = noise * transmission(piece.loss_db) + piece.noise_photons_per_s_nm
        shares.append(piece.intercepted)
    return Piece(loss, length, noise, combined(shares))
