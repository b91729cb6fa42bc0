"""What can be set on a controller, with defaults: `ProvisionControllerRequest.settings` by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """Bounds and habits of one controller. Immutable; checked when made.

    Attributes:
        store: path of the state file; empty = in the instance's own folder. Two controllers that are to stand in for
            each other are given the same.
        directory: JSON object: application ID to the qkdn_id of its node, for clients that ask for nothing before
            their server has keys.
        poll_s: how often a node with an event stream is read all the same, seconds.
        poll_without_stream_s: how often one without is, seconds.
        first_pause_s, longest_pause_s: of the growing pauses before a node that is lost is tried again, seconds.
        request_s: bounds each request to a node or a switch, seconds.
        light_path_s: bounds the set-up of a light path, seconds.
        parallel: requests under way at the same time, over all nodes.
        attempts: how often a change is tried that another client got in the way of (412).
        hop_latency_ms: what a relay adds by itself, milliseconds.
        relay_block_bits: key that a hop spends on one block; the time that its link needs to make it counts too.
        control_port: port of ControllerService; 0 = any.
    """

    store: str = ""
    directory: str = "{}"
    poll_s: float = 30.0
    poll_without_stream_s: float = 2.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0
    request_s: float = 10.0
    light_path_s: float = 30.0
    parallel: int = 64
    attempts: int = 5
    hop_latency_ms: float = 1.0
    relay_block_bits: int = 8448
    control_port: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not 0 < value <= 3600:
                raise ValueError(f"{field.name} is above 0 and at most 3600")
            if isinstance(value, int) and value < 0:
                raise ValueError(f"{field.name} is not negative")
        if self.parallel < 1 or self.attempts < 1:
            raise ValueError("parallel and attempts are at least 1")
        self.places()

    def places(self) -> dict[str, str]:
        """The directory.

        Raises:
            ValueError: it is not a JSON object of texts.
        """
        try:
            read = json.loads(self.directory)
        except ValueError:
            raise ValueError("directory is no JSON") from None
        if not isinstance(read, dict) or not all(isinstance(one, str) for one in read.values()):
            raise ValueError("directory is a JSON object: application ID to qkdn_id")
        return read

    @classmethod
    def from_text(cls, texts: Mapping[str, str]) -> ControllerSettings:
        """The settings in their text form over the defaults.

        Raises:
            ValueError: a name is unknown, or a text does not fit; says which.
        """
        kinds: dict[str, type[int | float | str]] = {
            field.name: type(getattr(cls(), field.name)) for field in fields(cls)
        }
        values: dict[str, int | float | str] = {}
        for name, text in texts.items():
            if name not in kinds:
                raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(kinds))}")
            try:
                values[name] = kinds[name](text)
            except ValueError:
                raise ValueError(f"setting {name}: {text!r} is not of type {kinds[name].__name__}") from None
        return cls(**values)  # type: ignore[arg-type]  # converted to the kind of each default above
