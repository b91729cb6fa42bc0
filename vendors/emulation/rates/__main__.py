"""`python -m vendors.emulation.rates`: Table 1 of MadQCI beside the calibrated models."""

import sys

from .madqci import Comparison, compare

_HEAD = (
    f"{'link':<34} {'maker':<12} {'model':<10} {'ch.':<4} {'loss dB':>8}   "
    f"{'table kbit/s':>12} {'model':>9} {'dev.':>8}   {'table QBER':>10} {'model':>6} {'dev.':>7}   "
    f"{'before':>9}   knobs turned"
)
_NOTES = """
loss: r = read off the paper, d = derived (O-band = 1.5 x C-band), a = ASSUMED. before = model's defaults, kbit/s.
Each row is calibrated by itself, without noise photons: that it meets the table follows from the calibration and
says nothing for the model. Deviations of QBER are in percentage points."""


def line(compared: Comparison) -> str:
    """One row, as text."""
    row, result = compared.row, compared.calibrated
    errors = f"{'-':>10} {'-':>6} {'-':>7}"
    if row.qber is not None and result.qber is not None and result.qber_deviation is not None:
        errors = f"{row.qber:>10.2%} {result.qber:>6.2%} {100 * result.qber_deviation:>+7.3f}"
    knobs = " ".join(f"{name}={getattr(result.parameters, name):.4g}" for name in result.knobs)
    return (
        f"{row.label:<34} {row.maker:<12} {row.model.name:<10} {row.channel:<4} "
        f"{compared.loss_db:>6.2f} {compared.standing[0]}   "
        f"{row.skr_kbps:>12.2f} {result.skr_bps / 1e3:>9.2f} {result.skr_deviation:>+8.2%}   {errors}   "
        f"{result.uncalibrated_skr_bps / 1e3:>9.2f}   {knobs} {result.abort}".rstrip()
    )


def main() -> None:
    """Prints the table."""
    sys.stdout.write("\n".join([_HEAD, *(line(each) for each in compare()), _NOTES, ""]))


if __name__ == "__main__":
    main()
