"""A second opinion on data, from libyang (through oopt-gnpy-libyang): two engines without a common line.

A verdict is worth reporting where both agree; where they differ, that is a finding about the model or an engine.
libyang's binding does not read notifications; on these there is one opinion only.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oopt_gnpy_libyang as libyang  # type: ignore[import-untyped,import-not-found,unused-ignore]

from harness.yang.files import ModelFilesError, Profile
from harness.yang.model import NODE, Content, Model, model_modules, write_modules
from harness.yang.problem import Problem


class SecondOpinion:
    """The model of a profile in libyang; `validate` as of `Model`.

    Args:
        profile: which reading of 015.
        directory: folder of other files of the two modules; None = this project's.

    Raises:
        ModelFilesError: files are missing or broken, or the erratum does not fit them.
    """

    def __init__(self, profile: Profile = Profile.ERRATUM, directory: Path | None = None) -> None:
        modules = model_modules(profile, directory)
        libyang.set_log_options(libyang.LogOptions.Store)  # nothing on stderr
        with tempfile.TemporaryDirectory(prefix="qkd-yang-") as folder:
            write_modules(modules.values(), Path(folder))
            options = libyang.ContextOptions.NoYangLibrary | libyang.ContextOptions.DisableSearchCwd
            try:
                self._context: Any = libyang.Context(folder, options)
                # what is only imported is not implemented, and its identities could not be used in data
                for module in modules.values():
                    if module.implemented:
                        self._context.load_module(module.name)
            except libyang.Error as error:
                raise ModelFilesError(f"libyang does not load the modules: {error}") from error
        self.profile = profile

    def validate(self, raw: object, content: Content = Content.ALL) -> list[Problem]:
        """All that the model says of a whole datastore; the tags are less exact than those of `Model`."""
        if not isinstance(raw, dict):
            return [Problem("/", "invalid-value", "expected an object")]
        if NODE not in raw:
            return [Problem("/", "missing-element", f"{NODE} is missing, whose qkdn_id is mandatory")]
        parsing, validation = libyang.ParseOptions.Strict, libyang.ValidationOptions.Present
        if content is Content.CONFIG:
            parsing |= libyang.ParseOptions.NoState
            validation |= libyang.ValidationOptions.NoState
        self._context.clean_all_errors()
        try:
            self._context.parse_data(json.dumps(raw), libyang.DataFormat.JSON, parsing, validation)
        except libyang.Error as error:
            found = [Problem(one.data_path or "/", "invalid-value", one.message) for one in self._context.errors()]
            return found or [Problem("/", "invalid-value", str(error))]
        return []


@dataclass(frozen=True, slots=True)
class Opinions:
    """What the two engines say of the same data.

    Attributes:
        first: problems that yangson found.
        second: problems that libyang found.
    """

    first: tuple[Problem, ...]
    second: tuple[Problem, ...]

    @property
    def agree(self) -> bool:
        """Both call it valid, or both invalid (the reasons may be worded differently)."""
        return bool(self.first) == bool(self.second)

    @property
    def valid(self) -> bool | None:
        """The common verdict; None = they differ."""
        return (not self.first) if self.agree else None


def opinions(model: Model, second: SecondOpinion, raw: object, content: Content = Content.ALL) -> Opinions:
    """What both engines say of a datastore.

    Raises:
        ValueError: the two are of different profiles.
    """
    if model.profile is not second.profile:
        raise ValueError(f"two profiles: {model.profile.value} and {second.profile.value}")
    return Opinions(tuple(model.validate(raw, content)), tuple(second.validate(raw, content)))
