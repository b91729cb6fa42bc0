"""Faults of the state machine."""

from __future__ import annotations

from qkd.device.v1 import module_pb2 as pb
from vendors.emulation.detector import Detector
from vendors.emulation.figures import Report, Scene
from vendors.emulation.harvest import Harvest
from vendors.emulation.module import OFF, STARTING, EmulatedModule

from .catalogue import fault

_ALIGNING, _RUNNING = pb.MODULE_STATE_ALIGNING, pb.MODULE_STATE_RUNNING
_DEGRADED, _ABORTED = pb.MODULE_STATE_DEGRADED, pb.MODULE_STATE_ABORTED


@fault("skips-aligning", caught_by=["DEV-STATE-2"])
class SkipsAligning(EmulatedModule):
    """A module that was started says RUNNING until it aligns a second time: nobody looks at the first."""

    def _go(self, state: pb.ModuleState.ValueType) -> None:
        if state == STARTING:
            self.__dict__["_first"] = True
        elif state in (_RUNNING, _DEGRADED):
            self.__dict__["_first"] = False
        super()._go(_RUNNING if state == _ALIGNING and self.__dict__.get("_first") else state)


@fault("never-runs-by-itself", caught_by=["DEV-STATE-1"])
class NeverRuns(EmulatedModule):
    """A module waits in ALIGNING until somebody presses a button."""

    def _go(self, state: pb.ModuleState.ValueType) -> None:
        super()._go(_ALIGNING if state in (_RUNNING, _DEGRADED) else state)


@fault("runs-in-the-dark", caught_by=["DEV-CUT-2"])
class RunsInTheDark(EmulatedModule):
    """A module without light says RUNNING: that is what it was told to do."""

    def _dark_tick(self, code: str, text: str) -> None:
        state = self.state
        super()._dark_tick(code, text)
        self.state = state


@fault("stays-aborted", caught_by=["DEV-EVE-7"])
class StaysAborted(EmulatedModule):
    """A module that has aborted waits for somebody to look."""

    def _go(self, state: pb.ModuleState.ValueType) -> None:
        if self.state != _ABORTED or state not in (_RUNNING, _DEGRADED):
            super()._go(state)


@fault("never-says-aborted", caught_by=["DEV-EVE-5", "DEV-ABORT-2"])
class NeverSaysAborted(EmulatedModule):
    """Above the threshold a module makes no key and says DEGRADED: it looks better."""

    def _go(self, state: pb.ModuleState.ValueType) -> None:
        super()._go(_DEGRADED if state == _ABORTED else state)


@fault("keys-while-aborted", caught_by=["DEV-EVE-4", "DEV-ABORT-1", "DEV-STATE-3"])
class KeysWhileAborted(Detector):
    """Above the threshold the state is ABORTED, and the pipeline behind it goes on."""

    def measure(self, scene: Scene, draw: Harvest) -> tuple[Report, int]:
        """A block at least."""
        report, blocks = super().measure(scene, draw)
        return report, max(1, blocks)


@fault("stop-drops-blocks", caught_by=["DEV-STOP-2"])
class StopDropsBlocks(EmulatedModule):
    """Stop clears the store."""

    def stop(self) -> None:
        """Off, and empty."""
        super().stop()
        for block in self.store.ready():
            self.store.destroy(block.block_id)


@fault("stop-only-when-running", caught_by=["DEV-STOP-1"])
class StopOnlyWhenRunning(EmulatedModule):
    """Stop works from RUNNING only; otherwise it is answered and forgotten."""

    def stop(self) -> None:
        """When it runs."""
        if self.state in (_RUNNING, _DEGRADED):
            super().stop()


@fault("on-after-maintenance", caught_by=["DEV-MAINT-2"])
class OnAfterMaintenance(EmulatedModule):
    """The end of a maintenance starts the module again."""

    def set_maintenance(self, *, maintenance: bool) -> None:
        """And goes on."""
        super().set_maintenance(maintenance=maintenance)
        if self.state == OFF and self.peers:
            self.start()


@fault("starts-by-itself", caught_by=["DEV-START-2"])
class StartsAtOnce(EmulatedModule):
    """Start leads to ALIGNING: this maker's modules need no time to start."""

    def start(self) -> None:
        """Without STARTING."""
        was = self.state
        super().start()
        if was == OFF:
            self._go(_ALIGNING)
