"""The model of a node that speaks ETSI GS QKD 015, loaded into yangson."""

from __future__ import annotations

import enum
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yangson import DataModel  # type: ignore[import-untyped]
from yangson.enumerations import ContentType  # type: ignore[import-untyped]
from yangson.exceptions import (  # type: ignore[import-untyped]
    RawMemberError,
    RawTypeError,
    ValidationError,
    YangsonException,
)

from harness.yang.files import NODE_MODULE, TYPES_MODULE, ModelFilesError, Profile, ietf_folder, model_texts
from harness.yang.problem import Problem
from harness.yang.resource import Step, parse_resource_id
from harness.yang.schema import SchemaNode, schema_of
from harness.yang.shape import DoubledMemberError, canonical, place_of

NODE = f"{NODE_MODULE}:qkd_node"
# What a server of RESTCONF serves beside 015, and what these import; True = implemented, False = imported only.
_IETF = {
    "ietf-yang-types": False,
    "ietf-inet-types": False,
    "ietf-datastores": True,
    "ietf-yang-library": True,
    "ietf-restconf-monitoring": True,
}
_REVISION = re.compile(r"""(?<![\w-])revision\s+["']?(\d{4}-\d{2}-\d{2})""")
_NAMESPACE = re.compile(r"""(?<![\w-])namespace\s+["']([^"']+)["']""")
# RFC 7950, 8.3.1, for what yangson calls it
_TAGS = {
    "missing-data": "missing-element",
    "list-key-missing": "missing-element",
    "member-not-allowed": "unknown-element",
    "non-unique-key": "bad-element",
    "repeated-leaf-list-value": "bad-element",
}


class Content(enum.Enum):
    """What a tree holds: configuration alone, or state as well."""

    CONFIG = "config"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the model.

    Attributes:
        name: its name.
        revision: its newest revision, "YYYY-MM-DD".
        namespace: its XML namespace.
        implemented: False = only its types and groupings are used.
        text: the module itself.
    """

    name: str
    revision: str
    namespace: str
    implemented: bool
    text: str


class Model:
    """A loaded model. Immutable; data are trees of RFC 7951 JSON as `json.loads` gives them.

    Attributes:
        profile: which reading of 015.
        modules: its modules by name.
        schema: the top-level data nodes by member name.
        notifications: the top-level data nodes of each notification, by its qualified name.
    """

    def __init__(self, profile: Profile, modules: Mapping[str, Module], engine: DataModel) -> None:
        self.profile = profile
        self.modules = dict(modules)
        self.schema: dict[str, SchemaNode] = schema_of(engine.schema)
        self.notifications: dict[str, dict[str, SchemaNode]] = {
            f"{one.ns}:{one.name}": schema_of(one)
            for one in engine.schema.children
            if type(one).__name__ == "NotificationNode"
        }
        self._engine = engine

    def parse(self, raw: object) -> list[Problem]:
        """Whether the names of a data tree are those of the model, and JSON types those of RFC 7951.

        The engine stops at the first problem: there are none, or one.
        """

        def judge() -> None:
            self._engine.from_raw(raw)
            canonical(self.schema, raw)  # type: ignore[arg-type]  # it is an object

        return self._judged(raw, judge, self.schema)

    def validate(self, raw: object, content: Content = Content.ALL) -> list[Problem]:
        """All that the model says of a whole datastore: `parse`, values, keys, conditions, what is mandatory.

        Args:
            raw: a datastore: members are top-level nodes.
            content: CONFIG: there must be no state data.
        """
        if problems := self.parse(raw):
            return problems
        assert isinstance(raw, dict)  # noqa: S101 - parsed
        if NODE not in raw:
            return [Problem("/", "missing-element", f"{NODE} is missing, whose qkdn_id is mandatory")]
        kind = ContentType.config if content is Content.CONFIG else ContentType.all
        tree = self.canonical(raw)  # entries whose keys differ in case alone are the same

        def judge() -> None:
            root = self._engine.from_raw(tree)
            for member in tree:
                root[member].validate(ctype=kind)

        return self._judged(tree, judge, self.schema)

    def notification(self, name: str, raw: object) -> list[Problem]:
        """All that the model says of a notification.

        Args:
            name: qualified, for instance "etsi-qkd-sdn-node:alarm".
            raw: what is in it, an object; its members need no module name.
        """
        if name not in self.notifications:
            return [Problem("/", "unknown-element", f"the model has no notification {name!r}")]
        schema = self.notifications[name]
        if not isinstance(raw, dict):
            return [Problem("/", "invalid-value", "expected an object")]
        module = name.partition(":")[0]
        qualified = {member if ":" in member else f"{module}:{member}": value for member, value in raw.items()}

        def judge() -> None:
            self._engine.from_raw(qualified, name).validate(ctype=ContentType.all)

        return self._judged(qualified, judge, schema)

    def resource(self, text: str) -> tuple[Step, ...]:
        """Reads a RESTCONF path below the datastore, percent-encoded.

        Raises:
            ResourceError: see `parse_resource_id`.
        """
        return parse_resource_id(self.schema, text)

    def canonical(self, raw: dict[str, Any]) -> dict[str, Any]:
        """A copy with member names and values in canonical form; `parse` has found no problem."""
        return canonical(self.schema, raw)

    def _judged(self, raw: object, judge: Callable[[], object], schema: Mapping[str, SchemaNode]) -> list[Problem]:
        if not isinstance(raw, dict):
            return [Problem("/", "invalid-value", "expected an object")]
        try:
            judge()
        except RawMemberError as error:
            place = place_of(error.path, raw, schema)
            return [Problem(place, "unknown-element", "the model has no such node")]
        except RawTypeError as error:
            return [Problem(place_of(error.path, raw, schema), "invalid-value", error.message)]
        except ValidationError as error:
            return [_problem(error, raw, schema)]
        except DoubledMemberError as error:
            return [Problem(error.path, "bad-element", "the same member twice, with and without its module")]
        except (YangsonException, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            # yangson takes some malformed values for granted: what it stumbles over is no valid data
            return [Problem("/", "invalid-value", f"not data of this model ({type(error).__name__})")]
        return []


def load_model(profile: Profile = Profile.ERRATUM, directory: Path | None = None) -> Model:
    """Loads 015 and the IETF modules that go with it; takes some 50 ms.

    Args:
        profile: which reading of 015.
        directory: folder of other files of the two modules, for instance ETSI's own; None = this project's.

    Raises:
        ModelFilesError: files are missing, broken, or the erratum does not fit them.
    """
    modules = model_modules(profile, directory)
    with tempfile.TemporaryDirectory(prefix="qkd-yang-") as folder:
        write_modules(modules.values(), Path(folder))
        listed = [
            {
                "name": module.name,
                "revision": module.revision,
                "namespace": module.namespace,
                "conformance-type": "implement" if module.implemented else "import",
            }
            for module in modules.values()
        ]
        library = {"ietf-yang-library:modules-state": {"module-set-id": profile.value, "module": listed}}
        try:
            engine = DataModel(json.dumps(library), (folder,))
        except YangsonException as error:
            raise ModelFilesError(f"the modules do not load: {type(error).__name__}: {error}") from error
    return Model(profile, modules, engine)


def model_modules(profile: Profile, directory: Path | None = None) -> dict[str, Module]:
    """The modules of the model by name.

    Raises:
        ModelFilesError: as of `load_model`.
    """
    texts = model_texts(profile, directory)
    folder = ietf_folder()
    for name in _IETF:
        texts[name] = (folder / f"{name}.yang").read_text(encoding="utf-8")
    return {name: _module(name, text) for name, text in texts.items()}


def write_modules(modules: Sequence[Module] | Any, folder: Path) -> None:
    """Puts modules into files that any YANG tool finds: NAME.yang."""
    for module in modules:
        (folder / f"{module.name}.yang").write_text(module.text, encoding="utf-8")


def _module(name: str, text: str) -> Module:
    revisions, namespace = _REVISION.findall(text), _NAMESPACE.search(text)
    if not revisions or namespace is None:
        raise ModelFilesError(f"{name}: no revision or no namespace; is it a YANG module?")
    implemented = _IETF.get(name, name in (NODE_MODULE, TYPES_MODULE))
    return Module(name, max(revisions), namespace[1], implemented, text)


def _problem(error: ValidationError, raw: dict[str, Any], schema: Mapping[str, SchemaNode]) -> Problem:
    tag = str(error.tag or "")
    known, text = _TAGS.get(tag.removeprefix("config ")), f"{tag}: {error.message}" if error.message else tag
    place = place_of(error.instance.json_pointer(), raw, schema)
    if tag == "config member-not-allowed":
        # the same word for state data in a configuration and for what a condition forbids
        text += " (state, or a condition forbids it)"
    if known in ("unknown-element", "missing-element") and error.message:
        name = str(error.message).rpartition("expected ")[2].strip("'")
        place = f"{place.rstrip('/')}/{name}"
    return Problem(place, known or "invalid-value", text)
