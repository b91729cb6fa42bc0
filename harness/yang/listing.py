"""Listings of a YANG module, one line a node, to be compared and read: made by pyang."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pyang import context, repository  # type: ignore[import-untyped]

from harness.yang.files import ModelFilesError, ietf_folder

_WORDS = frozenset({"description", "organization", "contact", "reference"})


def statements(texts: Mapping[str, str], name: str) -> list[str]:
    """All statements of a module in their order, save those that are words for people.

    Args:
        texts: modules by name.
        name: which of them.

    Raises:
        ModelFilesError: a module is broken.
    """
    return list(_statements(_loaded(texts)[name], 0))


def tree(texts: Mapping[str, str], name: str) -> list[str]:
    """The data nodes and notifications of a module: path, kind, config, type, default, key, mandatory, when.

    Raises:
        ModelFilesError: a module is broken.
    """
    return [line for child in _loaded(texts)[name].i_children for line in _lines(child, "")]


def _loaded(texts: Mapping[str, str]) -> dict[str, Any]:
    made = context.Context(repository.FileRepository(str(ietf_folder()), use_env=False, no_path_recurse=True))
    modules = {name: made.add_module(f"{name}.yang", text) for name, text in sorted(texts.items())}
    made.validate()
    broken = [
        f"{where.ref}:{where.line} {tag}" for where, tag, _arguments in made.errors if where.ref.startswith("etsi-")
    ]
    if broken or None in modules.values():
        raise ModelFilesError("pyang finds fault: " + ("; ".join(broken) or "a module is no YANG"))
    return modules


def _statements(statement: Any, depth: int) -> Iterator[str]:
    argument = "" if statement.arg is None else " " + " ".join(statement.arg.split())
    yield "  " * depth + statement.keyword + argument
    for inner in statement.substmts:
        if inner.keyword not in _WORDS:
            yield from _statements(inner, depth + 1)


def _lines(node: Any, above: str) -> Iterator[str]:
    path = f"{above}/{node.arg}"
    users = [used for used in getattr(node, "i_uses", ()) if used.search_one("when")]
    facts = [node.keyword]
    if node.keyword != "notification":
        facts.append("rw" if node.i_config else "ro")
    facts += [
        f"{word}={found.arg}" if word != "default" else f"default={found.arg!r}"
        for word in ("type", "default", "key", "mandatory")
        if (found := node.search_one(word)) is not None
    ]
    facts += [f"when={used.search_one('when').arg}" for used in users]
    yield f"{path}: {' '.join(facts)}"
    for child in getattr(node, "i_children", ()):
        yield from _lines(child, path)
