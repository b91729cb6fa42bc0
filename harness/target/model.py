"""What a target file says, as types. The members are those of the file; paths are resolved against its folder.

Every description below is shown to whoever leaves the member out or gives it another type.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from harness.campaign.ics import IcsValue
from harness.document.shape import Table


def _resolved(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("path_type", "a path is text")
    folder = (info.context or {}).get("folder", Path())
    return Path(folder) / value


def _claim(value: object) -> IcsValue:
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    if isinstance(value, bool | int | str):
        return value
    raise PydanticCustomError("claim_type", "a claim is true, false, a whole number, text or a list of texts")


File = Annotated[Path, BeforeValidator(_resolved)]
Claim = Annotated[Any, BeforeValidator(_claim)]
Name = Annotated[str, Field(min_length=1)]


class Iut(Table):
    """``[iut]``: what is tested."""

    name: Annotated[str, Field(min_length=1, description='its short name: name = "acme-kme"')]
    vendor: Annotated[str, Field(description='its maker: vendor = "ACME"')] = ""
    version: Annotated[str, Field(description='its version: version = "1.2.3"')] = ""
    role: Annotated[Literal["kme"], Field(description='what it is: role = "kme"')] = "kme"


class Kme(Table):
    """A KME that is up."""

    id: Annotated[Name, Field(description='its KME ID: id = "kme-a"')]
    url: Annotated[Name, Field(description='where it answers: url = "https://192.0.2.1:8443"')]
    grpc: Annotated[str, Field(description='its qkd.kms.v1 service: grpc = "192.0.2.1:50051"')] = ""


class Credential(Table):
    """A client certificate (or a chain, leaf first) and its private key; both are PEM files."""

    certificate: Annotated[File, Field(description='certificate = "sae-1.pem"')]
    key: Annotated[File, Field(description='key = "sae-1.key"')]


class Sae(Credential):
    """An SAE that the KMEs know, and the harness speaks for."""

    id: Annotated[Name, Field(description='its SAE ID: id = "sae-1"')]
    kme: Annotated[Name, Field(description='the id of the KME that serves it: kme = "kme-a"')]


class Etsi014(Table):
    """``[ixit.etsi014]``: how the system is reached, and what may be done to it."""

    trust: Annotated[File | None, Field(description='the CA that signed the KMEs\' certificates: trust = "ca.pem"')] = (
        None
    )
    kme: Annotated[tuple[Kme, ...], Field(strict=False, description="the KMEs that are up")] = ()
    sae: Annotated[tuple[Sae, ...], Field(strict=False, description="at least two SAEs")] = ()
    stranger: Annotated[
        Credential | None, Field(description="a certificate that the KMEs trust, of an SAE that they do not know")
    ] = None
    key_budget: Annotated[
        int | None, Field(gt=0, description="most keys that a campaign may draw: key_budget = 400")
    ] = None
    draining: Annotated[bool | None, Field(description="whether cases may empty the key pool: draining = true")] = None
    disturbing: Annotated[
        bool | None, Field(description="whether cases may disturb other users: disturbing = true")
    ] = None


class Ixit(Table):
    """``[ixit]``: one table a suite."""

    etsi014: Annotated[Etsi014, Field(description="[ixit.etsi014] says how the KMEs are reached")] = Etsi014()


class Launch(Table):
    """``[launch]``: the harness starts the implementation itself, as processes; takes the place of addresses.

    ``environment`` may hold secrets: it shows in no repr and its values go into no record.
    """

    command: Annotated[
        tuple[Name, ...],
        Field(
            strict=False, min_length=1, description='program and arguments: command = ["{python}", "-m", "acme.kme"]'
        ),
    ] = ()
    vendor: Annotated[str, Field(description='a bundled implementation: vendor = "reference"')] = ""
    shared: Annotated[bool, Field(description="whether one process holds all KMEs: shared = true")] = False
    variant: Annotated[str, Field(description="one of the variants that it offers")] = ""
    settings: Annotated[dict[str, str], Field(description="settings in its own words, as texts")] = Field(
        default_factory=dict
    )
    environment: Annotated[dict[str, str], Field(repr=False, description="environment variables, as texts")] = Field(
        default_factory=dict
    )


class TargetFile(Table):
    """A whole target file."""

    iut: Annotated[Iut | None, Field(description="[iut] says what is tested")] = None
    ixit: Annotated[Ixit, Field(description="[ixit.etsi014] says how it is reached")] = Ixit()
    ics: Annotated[dict[str, dict[str, Claim]], Field(description="claims, one table a suite: [ics.etsi014]")] = Field(
        default_factory=dict
    )
    launch: Annotated[Launch | None, Field(description="[launch] says how it is started")] = None
