"""The engine: targets, hosting, testbed, wire bindings, campaigns, the run record, the command line."""

import os

__version__ = "0.1.0"

# gRPC's C core writes its own lines to stderr ("Got goaway …") unless told before it is first imported; what matters
# of them reaches us as status codes.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
