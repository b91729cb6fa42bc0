"""The fibre plant: an emulated physical world (``qkd.optical.v1``) that QKD modules are plugged into by port.

`PlantPlan` says what there is, `FibrePlant` serves it; `physics` is what light meets on its way.
"""

from harness.plant.plan import (
    ClassicalPort,
    HubPlan,
    Path,
    PlantPlan,
    PortPlan,
    Span,
    SwitchPlan,
    arm_port,
    line_port,
)
from harness.plant.plant import FibrePlant

__all__ = [
    "ClassicalPort",
    "FibrePlant",
    "HubPlan",
    "Path",
    "PlantPlan",
    "PortPlan",
    "Span",
    "SwitchPlan",
    "arm_port",
    "line_port",
]
