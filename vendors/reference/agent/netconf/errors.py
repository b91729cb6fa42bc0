"""Why an RPC is not done, as an rpc-error (RFC 6241, 4.3 and appendix A)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vendors.reference.agent.refusals import RefusedError

from .markup import Element, added, made
from .names import BASE

_QUOTED = re.compile(r"""('[^']*'|"[^"]*")""")
_NAME = re.compile(r"([/\[])([A-Za-z_][\w.-]*)(?::([A-Za-z_][\w.-]*))?")
# what goes with the name of the element that is to blame
_BLAMING = ("unknown-element", "missing-element", "bad-element")


class RpcError(Exception):
    """An RPC that is not done; nothing has changed.

    Attributes:
        tag: error-tag.
        text: error-message: what is wrong, where, what to do.
        kind: error-type.
        path: instance identifier as in RFC 7951; "" = none.
        app_tag: error-app-tag; "" = none.
        info: members of error-info.
    """

    def __init__(
        self,
        tag: str,
        text: str,
        *,
        kind: str = "protocol",
        path: str = "",
        app_tag: str = "",
        info: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.tag = tag
        self.text = text
        self.kind = kind
        self.path = path
        self.app_tag = app_tag
        self.info = dict(info or {})


def of_refusal(refused: RefusedError) -> RpcError:
    """The same in the words of NETCONF."""
    tag = "data-missing" if refused.status == 404 else refused.tag
    last = _QUOTED.sub("", refused.path).rpartition("/")[2].partition("[")[0].rpartition(":")[2]
    info = {"bad-element": last} if tag in _BLAMING and last else None
    return RpcError(tag, refused.text, kind=refused.kind, path=refused.path, app_tag=refused.app_tag, info=info)


def element_of(error: RpcError, namespaces: Mapping[str, str]) -> Element:
    """The rpc-error.

    Args:
        error: what it tells.
        namespaces: by name of module.
    """
    root = made(BASE, "rpc-error")
    added(root, "error-type", error.kind)
    added(root, "error-tag", error.tag)
    added(root, "error-severity", "error")
    if error.app_tag:
        added(root, "error-app-tag", error.app_tag)
    if error.path:
        text, modules = prefixed(error.path)
        names = {name: namespaces[name] for name in modules if name in namespaces}
        root.append(made(BASE, "error-path", text, names=names))
    message = added(root, "error-message", error.text)
    message.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    if error.info:
        info = added(root, "error-info")
        for name, text in error.info.items():
            added(info, name, text)
    return root


def prefixed(path: str) -> tuple[str, set[str]]:
    """An instance identifier of JSON as one of XML, in which each name has a prefix; these are names of modules."""
    module, modules = "", set()

    def name(found: re.Match[str]) -> str:
        nonlocal module
        if found[3]:
            module = found[2]
            modules.add(module)
        return f"{found[1]}{module}:{found[3] or found[2]}" if module else found[0]

    parts = _QUOTED.split(path)
    return "".join(part if index % 2 else _NAME.sub(name, part) for index, part in enumerate(parts)), modules
