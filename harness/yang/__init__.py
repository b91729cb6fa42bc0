"""The YANG model of ETSI GS QKD 015 and its engines: yangson, and libyang for a second opinion.

The published V2.1.1 holds three `when` conditions that can never be true; `Profile.ERRATUM` mends them and nothing
else, `Profile.PUBLISHED` leaves them.
"""

from harness.yang.files import ModelFilesError, Profile
from harness.yang.model import Content, Model, load_model
from harness.yang.problem import Problem
from harness.yang.resource import ResourceError, Step
from harness.yang.schema import SchemaNode

__all__ = [
    "Content",
    "Model",
    "ModelFilesError",
    "Problem",
    "Profile",
    "ResourceError",
    "SchemaNode",
    "Step",
    "load_model",
]
