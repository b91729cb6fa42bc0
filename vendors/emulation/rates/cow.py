"""Coherent one-way (COW), the protocol of ID Quantique's Cerberis 3.

Protocol: D. Stucki, N. Brunner, N. Gisin, V. Scarani, H. Zbinden, "Fast and simple one-way quantum key
distribution", Applied Physics Letters 87, 194108 (2005). Eve's information: C. Branciard, N. Gisin, V. Scarani,
"Upper bounds for the security of two distributed-phase reference protocols of quantum cryptography", New Journal
of Physics 10, 013031 (2008), for collective attacks on single pulses; also in V. Scarani et al., "The security of
practical quantum key distribution", Reviews of Modern Physics 81, 1301 (2009).

THIS IS NO PROOF AGAINST GENERAL ATTACKS. It bounds one class of attacks, asymptotically, and is an upper bound on
what can be secure. J. González-Payo, R. Trényi, W. Wang, M. Curty, "Upper security bounds for coherent-one-way
quantum key distribution", Physical Review Letters 125, 260510 (2020), show attacks outside it; the makers'
counter-measure to them is not public and not modelled. It is here because it gives rates of the size that makers
reported, not to vouch for them.

Intercept-resend. A pulse that is measured and sent anew has no phase relation to its neighbours, so the share
takes itself out of the visibility: V (1 - f). An eavesdropper who only measures arrival times would err nowhere
in the key, and visibility alone would show her; one who tries to keep some coherence by measuring phases between
pulses learns no arrival time there and guesses the bit. With both measurements equally often half of her signals
carry a random bit: a quarter of the share in QBER, as for two conjugate bases.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, expm1, pi, sqrt

from .conditions import QBER_HIGH, VISIBILITY_LOW, Conditions, Estimate, settled
from .photons import background, binary_entropy, error_entropy, flipped, intercept_resend_error
from .settings import Settings, above_zero, shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters(Settings):
    """One pair of modules. Defaults: our choice for a Cerberis 3, whose figures are not public.

    Attributes:
        clock_hz: bits (pairs of time bins) a second.
        duty: share of the time that counts for a key, 0 to 1.
        mean_photons: of a pulse that is not empty.
        decoy_share: share of the pairs that are decoys (both bins full), 0 to 1.
        data_share: of the light that goes to the data detector, the rest to the interferometer, 0 to 1.
        efficiency: of a detector, 0 to 1.
        receiver_loss_db: of the receiver's optics, dB.
        dark_hz: dark counts of a detector, per second.
        gate_s: width of a time bin in which a click is taken, seconds.
        filter_nm: width of the receiver's spectral filter, nanometres.
        dead_time_s: of the data detector after each click, seconds.
        misalignment: probability that a photon is taken for the other time bin, 0 to 0.5.
        visibility: of the interferometer at its best, 0 to 1.
        temperature_nominal_c: at which the modules were aligned, degrees Celsius.
        phase_per_c: phase of the interferometer left uncorrected, radians per degree away from it.
        misalignment_per_c: further misalignment per degree away from it.
        error_correction: bits disclosed over the Shannon limit, factor of 1 or more.
        qber_abort: QBER above which there is no key.
        visibility_abort: visibility below which there is no key.
        max_loss_db: largest loss at which the module works, dB.
    """

    clock_hz: float = 625e6
    duty: float = 1.0
    mean_photons: float = 0.06
    decoy_share: float = 0.1
    data_share: float = 0.9
    efficiency: float = 0.2
    receiver_loss_db: float = 2.5
    dark_hz: float = 1000.0
    gate_s: float = 400e-12
    filter_nm: float = 0.2
    dead_time_s: float = 50e-6
    misalignment: float = 0.02
    visibility: float = 0.98
    temperature_nominal_c: float = 20.0
    phase_per_c: float = 0.02
    misalignment_per_c: float = 0.0005
    error_correction: float = 1.2
    qber_abort: float = 0.08
    visibility_abort: float = 0.9
    max_loss_db: float = 25.0

    def check(self) -> None:
        """Shares that are shares.

        Raises:
            ValueError: one is not; says which.
        """
        shares(duty=self.duty, decoy_share=self.decoy_share, data_share=self.data_share, efficiency=self.efficiency)
        shares(visibility=self.visibility, visibility_abort=self.visibility_abort)
        shares(misalignment=2 * self.misalignment, qber_abort=2 * self.qber_abort)
        above_zero(clock_hz=self.clock_hz, mean_photons=self.mean_photons, gate_s=self.gate_s)
        if self.error_correction < 1:
            raise ValueError("error_correction is 1 or more")


def estimate(conditions: Conditions, parameters: Parameters) -> Estimate:
    """Secret key rate, QBER, visibility and sifted rate of a pair of modules over a path."""

    def breach(figures: Estimate) -> str:
        if (figures.visibility or 0) < parameters.visibility_abort:
            return VISIBILITY_LOW
        return QBER_HIGH if (figures.qber or 0) > parameters.qber_abort else ""

    return settled(
        _figures(conditions, parameters),
        max_loss_db=parameters.max_loss_db,
        breach=breach,
        otherwise=QBER_HIGH,
        calm=lambda: _figures(conditions.calm(parameters.temperature_nominal_c), parameters),
    )


def _figures(conditions: Conditions, p: Parameters) -> Estimate:
    optics = 10 ** (-p.receiver_loss_db / 10)
    arriving = p.mean_photons * conditions.transmittance * optics * p.efficiency
    degrees = abs(conditions.temperature_c - p.temperature_nominal_c)

    def noise(share: float) -> float:
        return background(
            conditions,
            dark_hz=p.dark_hz,
            filter_nm=p.filter_nm,
            transmittance=optics * share,
            efficiency=p.efficiency,
            gate_s=p.gate_s,
        )

    clicks = -expm1(-arriving * p.data_share)
    empty = 2 * noise(p.data_share)  # two bins
    wrong = flipped(
        min(0.5, p.misalignment + p.misalignment_per_c * degrees),
        conditions.error_probability,
        intercept_resend_error(conditions.intercepted),
    )
    qber = (wrong * clicks + 0.5 * empty) / (clicks + empty) if clicks + empty else 0.5
    monitored = arriving * (1 - p.data_share)
    unmodulated = 2 * noise(1 - p.data_share)  # both outputs of the interferometer
    contrast = monitored / (monitored + unmodulated) if monitored + unmodulated else 1.0
    drift = cos(min(pi / 2, p.phase_per_c * degrees))
    visibility = p.visibility * drift * contrast * (1 - conditions.intercepted) * (1 - 2 * conditions.error_probability)
    click_bps = p.clock_hz * (clicks + empty)
    sifted_bps = p.duty * (1 - p.decoy_share) * click_bps / (1 + click_bps * p.dead_time_s)
    known = eve_information(qber, visibility, p.mean_photons)
    skr_bps = sifted_bps * (1 - known - p.error_correction * error_entropy(qber))
    return Estimate(skr_bps, conditions.loss_db, qber=qber, visibility=visibility, sifted_bps=sifted_bps)


def eve_information(qber: float, visibility: float, mean_photons: float) -> float:
    """Holevo bound on what Eve knows of a sifted bit, 0 to 1, by collective attacks on single pulses.

    Branciard, Gisin, Scarani (2008): Q + (1 - Q) h((1 + F) / 2) with
    F = (2V - 1) exp(-mu) - 2 sqrt(V (1 - V) (1 - exp(-2 mu))). Where F would be negative all is known to her.
    """
    overlap = (2 * visibility - 1) * exp(-mean_photons) - 2 * sqrt(
        visibility * (1 - visibility) * -expm1(-2 * mean_photons)
    )
    return qber + (1 - qber) * binary_entropy((1 + max(0.0, overlap)) / 2)
