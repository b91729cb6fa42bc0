"""Where the modules come from, and what the erratum changes in them."""

from __future__ import annotations

import enum
import re
import sysconfig
from importlib import metadata, resources
from pathlib import Path

NODE_MODULE = "etsi-qkd-sdn-node"
TYPES_MODULE = "etsi-qkd-node-types"

_WHEN = re.compile(r"""(?<![\w-])when\s+(?P<quote>["'])(?P<condition>.*?)(?P=quote)""", re.DOTALL)
_DEFECT = re.compile(r"^\s*(?P<leaf>(?:\.\./)?qkdl_type)\s*=\s*'(?P<identity>VIRT|PHYS)'\s*$")
_DEFECTS = [("../qkdl_type", "PHYS"), ("qkdl_type", "PHYS"), ("qkdl_type", "VIRT")]
_VERSION = re.compile(r"""(?<![\w-])yang-version\s+(["']?)1\1\s*;""")
_PREFIX = re.compile(rf"""import\s+{TYPES_MODULE}\s*\{{[^}}]*?prefix\s+["']?(?P<prefix>[\w.-]+)["']?\s*;""")


class Profile(enum.Enum):
    """Which reading of the model: as it was published, or with its three `when` conditions mended."""

    PUBLISHED = "published"
    ERRATUM = "erratum"


class ModelFilesError(Exception):
    """The files of a model are missing, or are not what they ought to be."""


def model_texts(profile: Profile, directory: Path | None = None) -> dict[str, str]:
    """The text of the two modules of ETSI GS QKD 015 by module name.

    Args:
        profile: ERRATUM is derived from the files that are used, whichever these are.
        directory: folder with `etsi-qkd-sdn-node.yang` and `etsi-qkd-node-types.yang`, for instance ETSI's own; None =
            this project's.

    Raises:
        ModelFilesError: a file is missing; ERRATUM, and the file is not the published one.
    """
    texts = {name: _read(name, directory) for name in (NODE_MODULE, TYPES_MODULE)}
    if profile is Profile.ERRATUM:
        texts[NODE_MODULE] = mended(texts[NODE_MODULE])
    return texts


def mended(text: str) -> str:
    """The node module with the erratum applied: three conditions, and the YANG version that they need.

    `qkdl_type` is an identityref, whose value in XPath has a prefix (RFC 7950, 9.10.3), so that a comparison with the
    bare name is never true. `derived-from-or-self` (YANG 1.1) compares identities.

    Raises:
        ModelFilesError: the text does not hold exactly the three conditions, or is not YANG 1 already.
    """
    found = [_DEFECT.match(one["condition"]) for one in _WHEN.finditer(text)]
    if sorted((one["leaf"], one["identity"]) for one in found if one) != _DEFECTS or None in found:
        conditions = "; ".join(one["condition"] for one in _WHEN.finditer(text)) or "none"
        raise ModelFilesError(
            f"{NODE_MODULE}: the erratum is for the three `when` conditions of V2.1.1; found: {conditions}."
            f" Use the published file, or the profile {Profile.PUBLISHED.value!r} to take this one as it is"
        )
    prefix, versions = _PREFIX.search(text), _VERSION.findall(text)
    if prefix is None or len(versions) != 1:
        raise ModelFilesError(
            f'{NODE_MODULE}: expected one yang-version "1" and an import of {TYPES_MODULE} with a prefix;'
            f" found {len(versions)} of the former and {'one' if prefix else 'none'} of the latter"
        )

    def mend(one: re.Match[str]) -> str:
        defect = _DEFECT.match(one["condition"])
        assert defect is not None  # noqa: S101 - looked at above
        return f"when \"derived-from-or-self({defect['leaf']}, '{prefix['prefix']}:{defect['identity']}')\""

    return _VERSION.sub("yang-version 1.1;", _WHEN.sub(mend, text))


def ietf_folder() -> Path:
    """The folder of IETF modules that pyang's distribution installs.

    Raises:
        ModelFilesError: there is none.
    """
    tail = ("share", "yang", "modules", "ietf")
    candidates = [Path(sysconfig.get_path("data"), *tail)]
    try:
        for file in metadata.files("pyang") or ():
            if file.name == "ietf-yang-types.yang":
                candidates.insert(0, Path(str(file.locate())).resolve().parent)
    except metadata.PackageNotFoundError:
        pass
    for folder in candidates:
        if (folder / "ietf-yang-types.yang").is_file():
            return folder
    raise ModelFilesError("the IETF modules are missing: install pyang, which brings them (share/yang/modules/ietf)")


def _read(name: str, directory: Path | None) -> str:
    if directory is None:
        return resources.files("qkd.yang").joinpath(f"{name}.yang").read_text(encoding="utf-8")
    found = [directory / f"{name}.yang", *sorted(directory.glob(f"{name}@*.yang"), reverse=True)]
    for file in found:
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise ModelFilesError(f"{directory} holds no {name}.yang; name a folder with both modules of ETSI GS QKD 015")
