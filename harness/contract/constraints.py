"""Enforces the constraints that stand beside the fields (``qkd.constraints.v1``) on any message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from qkd.constraints.v1 import constraints_pb2

_TEXT = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
_NUMBERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
    FieldDescriptor.CPPTYPE_DOUBLE,
    FieldDescriptor.CPPTYPE_FLOAT,
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One constraint that a message breaks.

    Attributes:
        field: path of the field, for instance ``key_ids[2].key_id``.
        description: what the field must be. It never quotes the value, which may be secret.
    """

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field} {self.description}"


def check_message(message: Message) -> list[Violation]:
    """The constraints that `message` and the messages in it break, in field order; empty when it is sound.

    The length, pattern and number constraints of a repeated field hold for each of its elements.
    """
    return list(_violations(message, ""))


def _violations(message: Message, prefix: str) -> Iterator[Violation]:
    for check in _checks(message.DESCRIPTOR):
        yield from check(message, prefix)


_Check = Callable[[Message, str], Iterator[Violation]]


@cache
def _checks(descriptor: Descriptor) -> tuple[_Check, ...]:
    """The checks of one message type, made once: a message without constraints costs nothing."""
    return tuple(check for field in descriptor.fields for check in _field_checks(field))


def _field_checks(field: FieldDescriptor) -> Iterator[_Check]:
    options = field.GetOptions()
    rules = options.Extensions[constraints_pb2.field] if options.HasExtension(constraints_pb2.field) else None
    if rules is not None and rules.required:
        yield _required(field)
    if rules is not None and field.is_repeated and (rules.min_items or rules.max_items):
        yield _items(field, rules.min_items, rules.max_items)
    if _is_map(field):
        if _map_of_messages(field):
            yield _map_messages(field)
        return
    tests = [] if rules is None else list(_value_tests(field, rules))
    if tests:
        yield _values(field, tests)
    if field.message_type is not None and field.message_type.full_name not in _FREE_FORM:
        yield _messages(field)


# Free-form JSON: no field of theirs can carry a constraint, and they recurse into themselves.
_FREE_FORM = frozenset(f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue", "Any"))


def _is_map(field: FieldDescriptor) -> bool:
    return field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry


def _map_of_messages(field: FieldDescriptor) -> bool:
    entry = field.message_type
    return entry is not None and entry.fields_by_name["value"].message_type is not None


def _present(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    return bool(getattr(message, field.name))


def _required(field: FieldDescriptor) -> _Check:
    def check(message: Message, prefix: str) -> Iterator[Violation]:
        if not _present(message, field):
            yield Violation(prefix + field.name, "is required")

    return check


def _items(field: FieldDescriptor, least: int, most: int) -> _Check:
    def check(message: Message, prefix: str) -> Iterator[Violation]:
        count = len(getattr(message, field.name))
        if count < least:
            yield Violation(prefix + field.name, f"must have at least {least} element(s), has {count}")
        if most and count > most:
            yield Violation(prefix + field.name, f"must have at most {most} element(s), has {count}")

    return check


_ValueTest = Callable[[Any], str | None]


def _value_tests(field: FieldDescriptor, rules: constraints_pb2.FieldConstraints) -> Iterator[_ValueTest]:
    if field.type in _TEXT:
        unit = "character(s)" if field.type == FieldDescriptor.TYPE_STRING else "octet(s)"
        if rules.min_length:
            yield _shortest(rules.min_length, unit)
        if rules.max_length:
            yield _longest(rules.max_length, unit)
    if field.type == FieldDescriptor.TYPE_STRING and rules.pattern:
        yield _matching(rules.pattern)
    if field.cpp_type in _NUMBERS:
        if rules.HasField("minimum"):
            yield _at_least(rules.minimum)
        if rules.HasField("maximum"):
            yield _at_most(rules.maximum)


def _shortest(least: int, unit: str) -> _ValueTest:
    return lambda value: None if len(value) >= least else f"must have at least {least} {unit}, has {len(value)}"


def _longest(most: int, unit: str) -> _ValueTest:
    return lambda value: None if len(value) <= most else f"must have at most {most} {unit}, has {len(value)}"


def _matching(pattern: str) -> _ValueTest:
    whole = re.compile(pattern)
    return lambda value: None if whole.fullmatch(value) else f"must match {pattern}"


# Written so that a NaN, which compares false with everything, is refused.
def _at_least(bound: float) -> _ValueTest:
    return lambda value: None if value >= bound else f"must be at least {bound:g}"


def _at_most(bound: float) -> _ValueTest:
    return lambda value: None if value <= bound else f"must be at most {bound:.12g}"


def _values(field: FieldDescriptor, tests: list[_ValueTest]) -> _Check:
    def check(message: Message, prefix: str) -> Iterator[Violation]:
        if not _present(message, field):
            return
        value = getattr(message, field.name)
        named = [(f"{field.name}[{i}]", one) for i, one in enumerate(value)] if field.is_repeated else None
        for name, one in named or [(field.name, value)]:
            for test in tests:
                if (description := test(one)) is not None:
                    yield Violation(prefix + name, description)

    return check


def _messages(field: FieldDescriptor) -> _Check:
    def check(message: Message, prefix: str) -> Iterator[Violation]:
        if field.is_repeated:
            for i, one in enumerate(getattr(message, field.name)):
                yield from _violations(one, f"{prefix}{field.name}[{i}].")
        elif message.HasField(field.name):
            yield from _violations(getattr(message, field.name), f"{prefix}{field.name}.")

    return check


def _map_messages(field: FieldDescriptor) -> _Check:
    def check(message: Message, prefix: str) -> Iterator[Violation]:
        for key, one in getattr(message, field.name).items():
            yield from _violations(one, f"{prefix}{field.name}[{key}].")

    return check
