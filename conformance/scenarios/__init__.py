"""The networks that are bundled: one TOML file each, and one that is generated.

Found through the entry-point group ``qkd_harness.scenarios``; a third party's scenarios join in the same way.
"""

from pathlib import Path

from harness.topology import Scenario
from harness.topology.synthetic import synthetic_text

_HERE = Path(__file__).parent

MADQCI = Scenario("madqci", _HERE / "madqci.toml")
MDI_MADRID = Scenario("mdi-madrid", _HERE / "mdi-madrid.toml")
BARCELONA_RING = Scenario("barcelona-ring", _HERE / "barcelona-ring.toml")
IBERIANQCI = Scenario("iberianqci", _HERE / "iberianqci.toml")
EUROQCI_SYNTHETIC = Scenario("euroqci-synthetic", make=synthetic_text, default="30,3")
