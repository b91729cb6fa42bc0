"""Hosting of implementations under test: as a process, in this process (tests only), or by address."""

from harness.hosting.errors import HostingError
from harness.hosting.host import Host
from harness.hosting.launch import Bounds, LaunchSpec, ProgramDigest
from harness.hosting.process import ProcessHost, launch

__all__ = ["Bounds", "Host", "HostingError", "LaunchSpec", "ProcessHost", "ProgramDigest", "launch"]
