"""The datastore of an agent: what controllers configured, what the node observes, and how the one becomes the other.

It knows nothing of RESTCONF, NETCONF or gRPC, which stand before it.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.sdk.yang import NODE, Content, Model, Step

from .commands import messages, translated
from .judging import LISTS, canonical_value, changed_part, refuse_target
from .live import LiveNode, RefusedByNodeError
from .mapping import NODE_TABLE, to_json
from .refusals import RefusedError, by_node
from .semantics import check
from .settings import AgentSettings
from .stamps import Stamp, Stamps
from .state_file import StateFile
from .tree import Edit, edited, require_parent, without_empty

_log = logging.getLogger(__name__)
# what of an entry is observed, never configured
_OBSERVED = {
    "qkd_link": ("qkdl_status", "qkdl_performance"),
    "qkd_app": ("app_status", "creation_time", "app_statistics"),
}


class Datastore:
    """The node as configured and as it is. All methods run in one event loop.

    Args:
        model: what it obeys.
        file: where the configuration is kept.
        settings: the meaning of qkdl_status.
        qkdn_id: UUID of the node.
        location_id: qkdn_location_id of a new datastore; "" = none.
        live: the node.
        wall: seconds since 1970.

    Raises:
        ValueError: the file holds something else than a configuration of this node.
    """

    def __init__(
        self,
        model: Model,
        file: StateFile,
        settings: AgentSettings,
        *,
        qkdn_id: str,
        location_id: str,
        live: LiveNode,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.model = model
        self._file = file
        self._settings = settings
        self._live = live
        self._wall = wall
        self._turn = asyncio.Lock()
        self._holder: object = None
        self._qkdn_id = qkdn_id.lower()
        held = file.load()
        if held is None:
            held = {"config": {NODE: {"qkdn_id": self._qkdn_id}}, "stamps": Stamps.fresh(wall()).dump()}
            if location_id:
                held["config"][NODE]["qkdn_location_id"] = location_id
            self._refuse_start(held["config"])
            file.save(held)
        self._refuse_start(held["config"])
        self._config: dict[str, Any] = held["config"]
        self._stamps = Stamps.load(held["stamps"])

    def _refuse_start(self, config: dict[str, Any]) -> None:
        if problems := self.model.validate(config, Content.CONFIG):
            raise ValueError(f"the configuration is not valid (profile {self.model.profile.value}): {problems[0]}")
        if config[NODE]["qkdn_id"] != self._qkdn_id:
            raise ValueError(f"the configuration is of node {config[NODE]['qkdn_id']}, this is {self._qkdn_id}")

    # -- reading --------------------------------------------------------------------------------------

    @property
    def qkdn_id(self) -> str:
        """UUID of the node."""
        return self._qkdn_id

    def read(self) -> dict[str, Any]:
        """All there is now: the configuration with what the node observes; the reader's own copy."""
        tree = copy.deepcopy(self._config)
        node = tree[NODE]
        seen = to_json(self._live.observed(), NODE_TABLE)
        for name in ("qkdn_status", "qkd_interfaces"):
            if name in seen:
                node[name] = seen[name]
        if "qkdn_version" in seen:
            node.setdefault("qkdn_version", seen["qkdn_version"])
        able = node.get("qkdn_capabilities", {})
        hidden = set()
        if not able.get("link_stats_support", True):
            hidden.add("qkdl_performance")
        if not able.get("application_stats_support", True):
            hidden.add("app_statistics")
        for container, name, key in LISTS:
            by_key = {one[key]: one for one in seen.get(container, {}).get(name, ())}
            for entry in node.get(container, {}).get(name, ()):
                self._observe(entry, by_key.get(entry[key], {}), [o for o in _OBSERVED[name] if o not in hidden])
        return tree

    def _observe(self, entry: dict[str, Any], seen: Mapping[str, Any], names: Iterable[str]) -> None:
        for name in names:
            if name not in seen or (name == "qkdl_status" and name in entry):
                continue  # in the latter case it is a command, and stays what was written
            entry[name] = seen[name]
            if name == "qkdl_performance" and self.model.profile.value == "published":
                entry[name] = {part: value for part, value in seen[name].items() if part != "phys_perf"}

    def stamp(self, steps: Sequence[Step]) -> Stamp:
        """Entity tag and time of change of a configuration resource."""
        return self._stamps.of(steps)

    # -- the node -------------------------------------------------------------------------------------

    async def attach(self, live: LiveNode) -> None:
        """Puts another node behind the datastore and configures it; a node that refuses is left as it is."""
        async with self._turn:
            self._live = live
            try:
                await live.apply(*messages(self._config, self._settings.qkdl_status))
            except RefusedByNodeError as refused:
                _log.warning("the node does not take its stored configuration: %s", refused)

    def detach(self, nothing: LiveNode) -> None:
        """Puts a node that can do nothing behind the datastore, until the next is attached."""
        self._live = nothing

    # -- writing --------------------------------------------------------------------------------------

    @property
    def holder(self) -> object:
        """Who has locked the datastore; None = nobody has."""
        return self._holder

    async def lock(self, holder: object) -> bool:
        """Keeps edits to `holder` alone, once those under way are done; False = somebody has locked it already."""
        async with self._turn:
            if self._holder is not None:
                return False
            self._holder = holder
            return True

    def unlock(self, holder: object) -> bool:
        """Gives edits back to all; False = it is not `holder` who has locked it."""
        held = self._holder is not None and self._holder is holder
        if held:
            self._holder = None
        return held

    async def edit(
        self, edits: Sequence[Edit], check_first: Callable[[], None] = lambda: None, *, by: object = None
    ) -> list[bool]:
        """Carries out edits, all or none; says of each whether it made its target.

        Args:
            edits: in this order; values need not be canonical.
            check_first: raises `RefusedError` if they are not to be done after all (If-Match); nothing comes between
                it and the edits.
            by: who edits, as of `lock`.

        Raises:
            RefusedError: by the model, by the rules of a node, by the node, because the target is (not) there, or
                in-use: somebody else has locked the datastore.
        """
        async with self._turn:
            if self._holder is not None and self._holder is not by:
                raise RefusedError("in-use", "a NETCONF session has locked the datastore; wait until it unlocks it")
            check_first()
            config, made = self._edited_by(edits)
            await self._commit(config)
            return made

    async def judge(self, edits: Sequence[Edit], check_first: Callable[[], None] = lambda: None) -> None:
        """Does nothing but refuse what `edit` would refuse; only the node itself is not asked.

        Raises:
            RefusedError: as of `edit`, but for what the node says, and locks.
        """
        async with self._turn:
            check_first()
            self._judge(self._edited_by(edits)[0])

    def _edited_by(self, edits: Sequence[Edit]) -> tuple[dict[str, Any], list[bool]]:
        config, made = self._config, []
        for edit in edits:
            config, new = self._edited(config, edit)
            made.append(new)
        return config, made

    def _edited(self, config: dict[str, Any], edit: Edit) -> tuple[dict[str, Any], bool]:
        refuse_target(edit)
        require_parent(config, edit.steps)
        if edit.value is not None:
            edit = Edit(edit.operation, edit.steps, canonical_value(self.model, edit))
        config, new = edited(self.model.schema, config, translated(edit, self._settings.qkdl_status))
        for foreign in set(config) - {NODE}:
            raise RefusedError("invalid-value", "this is not configuration of the node; leave it out", f"/{foreign}")
        node = config.get(NODE)
        if isinstance(node, dict) and "qkd_interfaces" in node:
            if node["qkd_interfaces"] != self._installed():
                text = "interfaces are what is installed, they cannot be configured; leave them out"
                raise RefusedError("invalid-value", text, f"/{NODE}/qkd_interfaces", app_tag="semantics")
            del node["qkd_interfaces"]
        return without_empty(self.model.schema, config), new

    def _installed(self) -> dict[str, Any]:
        """qkd_interfaces without state: what a controller may send back, but not change."""
        interfaces = self.read()[NODE].get("qkd_interfaces", {})
        for one in interfaces.get("qkd_interface", ()):
            one.pop("qkdi_status", None)
        return dict(interfaces)

    def _judge(self, config: dict[str, Any]) -> None:
        changed = changed_part(self._config, config)
        if problems := self.model.validate(changed, Content.CONFIG):
            raise RefusedError(problems[0].tag, problems[0].text, problems[0].path)
        if config[NODE]["qkdn_id"] != self._qkdn_id:
            raise RefusedError(
                "invalid-value", f"this node is {self._qkdn_id}", f"/{NODE}/qkdn_id", app_tag="semantics"
            )
        entries = [changed[NODE].get(container, {}).get(name, []) for container, name, _key in LISTS]
        check({**config[NODE], "qkd_interfaces": self._installed()}, *entries)

    async def _commit(self, config: dict[str, Any]) -> None:
        if config == self._config:
            return
        self._judge(config)
        await self._apply(config)
        stamps = self._stamps.after(self.model.schema, self._config, config, self._wall())
        try:
            await asyncio.to_thread(self._file.save, {"config": config, "stamps": stamps.dump()})
        except OSError as error:
            await self._apply(self._config)
            text = f"the configuration cannot be stored: {error.strerror}; nothing was changed"
            raise RefusedError("operation-failed", text) from None
        self._config, self._stamps = config, stamps

    async def _apply(self, config: dict[str, Any]) -> None:
        links, apps = messages(config, self._settings.qkdl_status)
        try:
            await self._live.apply(links, apps)
        except RefusedByNodeError as refused:
            raise by_node(refused) from None
