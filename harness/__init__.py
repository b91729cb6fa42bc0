"""The engine: targets, hosting, testbed, wire bindings, campaigns, the run record, the command line."""

__version__ = "0.1.0"
