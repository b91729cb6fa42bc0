"""An emulated controller of optical switches: ONF Transport API 2.1.3 over RESTCONF, in front of the fibre plant."""
