"""Brings a document into the shape of a model, and says everything that does not fit, each at its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from harness.document.problem import Problem, closest, listed
from harness.document.toml import Document, Trail

_M = TypeVar("_M", bound=BaseModel)
_WANTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a table",
    "model": "a table",
    "date": "a date such as 2027-01-31",
    "path": "the path of a file, as text",
}


class Table(BaseModel):
    """A table of a file: no unknown members, no conversions, no changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True)
class Shaped(Generic[_M]):
    """A document as ``model``, or None and what is wrong; ``meant`` holds members that were probably misspelt."""

    model: _M | None
    problems: tuple[Problem, ...] = ()
    meant: frozenset[Trail] = frozenset()


def shaped(document: Document, model: type[_M]) -> Shaped[_M]:
    """``document`` as ``model``, or everything that does not fit."""
    try:
        return Shaped(model.model_validate(document.data, context={"folder": document.folder}))
    except ValidationError as wrong:
        return _problems(document, model, wrong.errors(include_url=False))


def _problems(document: Document, model: type[_M], errors: Sequence[ErrorDetails]) -> Shaped[_M]:
    problems: list[Problem] = []
    meant: set[Trail] = set()
    for error in errors:
        if error["type"] == "extra_forbidden":
            trail: Trail = error["loc"]
            problem = _unknown(document, model, trail)
            problems.append(problem)
            if problem.suggestion:
                meant.add((*trail[:-1], problem.suggestion))
    # a misspelt member is one mistake, not an unknown member and a missing one
    rest = [e for e in errors if e["type"] != "extra_forbidden" and e["loc"] not in meant]
    problems.extend(_known(document, model, error) for error in rest)
    return Shaped(None, tuple(problems), frozenset(meant))


def _unknown(document: Document, model: type[BaseModel], trail: Trail) -> Problem:
    name, where = str(trail[-1]), _table(trail[:-1])
    members = _members(model, trail[:-1])
    free = [member for member in members if document.get(*trail[:-1], member) is None]
    return document.problem(
        trail,
        f"unknown member {name!r} in {where}",
        suggestion=closest(name, free),
        todo=f"{where} knows {listed(sorted(members))}",
        at_key=True,
    )


def _known(document: Document, model: type[BaseModel], error: ErrorDetails) -> Problem:
    trail: Trail = error["loc"]
    kind = error["type"]
    name = str(trail[-1]) if trail else "the file"
    told = _description(model, trail)
    if kind == "missing":
        wrong = f"{name!r} is missing in {_table(trail[:-1])}"
        return document.problem(trail[:-1], wrong, todo=f"say {told}" if told else "")
    given = _given(error["input"])
    if kind.endswith("_type") and (stem := kind.removesuffix("_type")) in _WANTED:
        wrong = f"{_label(trail)} is {given}, {_WANTED[stem]} is wanted"
        return document.problem(trail, wrong, todo=told)
    if kind == "literal_error":
        known = [str(value) for value in _literals(model, trail)]
        suggestion = closest(str(error["input"]), known)
        wrong = f"{_label(trail)} is {error['input']!r}"
        return document.problem(trail, wrong, suggestion=suggestion, todo=f"it can be {listed(known)}")
    if kind in {"string_too_short", "too_short"}:
        return document.problem(trail, f"{_label(trail)} is empty", todo=told)
    if kind == "greater_than":
        wrong = f"{_label(trail)} is {error['input']}, more than {error['ctx']['gt']} is wanted"
        return document.problem(trail, wrong, todo=told)
    message = error["msg"].removeprefix("Value error, ")
    return document.problem(trail, f"{_label(trail)} is {given}: {message[:1].lower()}{message[1:]}", todo=told)


def _label(trail: Trail) -> str:
    """A member as people write it: ``kme[2]`` counts from 1, as people do."""
    name = str(trail[-1]) if trail else ""
    if trail and isinstance(trail[-1], int):
        return f"entry {trail[-1] + 1} of {str(trail[-2])!r}"
    return repr(name)


def _table(trail: Trail) -> str:
    """How a table is called in messages."""
    if not trail:
        return "the file"
    names = ".".join(step for step in trail if isinstance(step, str))
    if isinstance(trail[-1], int):
        return f"entry {trail[-1] + 1} of {names}"
    return f"[{names}]"


def _given(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return "text"
        case list():
            return "a list"
        case Mapping():
            return "a table"
        case _:
            return f"a {type(value).__name__}"


def _field(model: type[BaseModel], trail: Trail) -> FieldInfo | None:
    current: Any = model
    field: FieldInfo | None = None
    for step in trail:
        if isinstance(step, int):
            continue
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return field
        field = current.model_fields.get(step)
        if field is None:
            return None
        current = _inner(field.annotation)
    return field


def _inner(annotation: Any) -> Any:
    """The model inside ``tuple[Model, ...]`` or ``Model | None``, or what was given."""
    inner = [part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
    return inner[0] if inner else annotation


def _members(model: type[BaseModel], trail: Trail) -> list[str]:
    if not trail:
        return list(model.model_fields)
    field = _field(model, trail)
    inner = _inner(field.annotation) if field else None
    return list(inner.model_fields) if isinstance(inner, type) and issubclass(inner, BaseModel) else []


def _literals(model: type[BaseModel], trail: Trail) -> tuple[Any, ...]:
    field = _field(model, trail)
    return get_args(field.annotation) if field else ()


def _description(model: type[BaseModel], trail: Trail) -> str:
    field = _field(model, trail)
    return (field.description or "") if field else ""
