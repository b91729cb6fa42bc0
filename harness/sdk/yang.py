"""The model of ETSI GS QKD 015 for makers: loading, judging data, paths, defaults."""

from harness.yang import Content, Model, ModelFilesError, Problem, Profile, ResourceError, SchemaNode, Step, load_model
from harness.yang.model import NODE
from harness.yang.resource import instance_identifier, resource_id
from harness.yang.shape import child_of, trimmed, with_defaults

__all__ = [
    "NODE",
    "Content",
    "Model",
    "ModelFilesError",
    "Problem",
    "Profile",
    "ResourceError",
    "SchemaNode",
    "Step",
    "child_of",
    "instance_identifier",
    "load_model",
    "resource_id",
    "trimmed",
    "with_defaults",
]
