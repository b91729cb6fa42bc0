"""What was measured of a system is what its modules give there."""

from __future__ import annotations

import pytest

from qkd.optical.v1.plant_pb2 import PathState
from vendors.emulation.figures import Scene
from vendors.emulation.published import PublishedRates
from vendors.emulation.rates import COW, MDI

ARM = "6.0,10.0,100.0,0.003"


def scene(paths: int, added_db: float = 0.0) -> Scene:
    path = PathState(loss_db=6.0 + added_db, length_km=10.0, noise_photons_per_s_nm=100.0, error_probability=0.003)
    return Scene((path,) * paths, 22.0, 0.0, 1.0)


def test_the_measured_rate_and_qber_come_out_and_more_loss_costs() -> None:
    told = {"measured_skr_bps": "1400", "measured_qber": "0.042", "measured_paths": ARM, "qber_abort": "0.07"}
    rates = PublishedRates(COW, told)
    assert rates.limits.qber_abort == 0.07
    there = rates.read(scene(1))
    assert there.skr_bps == pytest.approx(1400, rel=1e-3)
    assert there.qber == pytest.approx(0.042, rel=1e-3)
    assert rates.read(scene(1, 3.0)).skr_bps < 1400
    hub = PublishedRates(MDI, {"measured_skr_bps": "500", "measured_paths": f"{ARM};{ARM}"})
    assert hub.read(scene(2)).skr_bps == pytest.approx(500, rel=1e-3)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"measured_skr_bps": "1400"}, "measured_paths: 1 path"),
        ({"measured_skr_bps": "1400", "measured_paths": "1,2,3"}, "four numbers"),
        ({"measured_skr_bps": "much", "measured_paths": ARM}, "'much' is not a number"),
        ({"detectors": "4"}, "unknown setting 'detectors'"),
    ],
)
def test_what_makes_no_sense_is_refused(told: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        PublishedRates(COW, told)
