"""A small topology that holds."""

from __future__ import annotations

GOOD = """\
name = "small"
title = "Three sites in a row, and a switch in the middle"
domain = [{ id = "north" }, { id = "south" }]
site = [
  { id = "a", domain = "north" },
  { id = "b", domain = "north" },
  { id = "c", domain = "south" },
]
link = [
  { id = "ab", ends = ["a", "b"], length_km = 10.0, loss_c_db = 4.0, classical = ["C-21", "C-22"] },
  { id = "bc", ends = ["b", "c"], length_km = 5.0, loss_c_db = 2.0, border = true, combining = "all" },
]
maker = [
  { id = "free", name = "Free", protocol = "cv-gaussian", handover = "stream", pairing = "free" },
  { id = "fixed", name = "Fixed", protocol = "cow", handover = "etsi014" },
  { id = "mdi", name = "Mdi", protocol = "mdi", handover = "stream", pairing = "free" },
]
module = [
  { id = "a/free-tx", maker = "free", role = "transmitter" },
  { id = "b/free-rx", maker = "free", role = "receiver" },
  { id = "c/free-rx", maker = "free", role = "receiver" },
  { id = "b/fixed-1", maker = "fixed", role = "transmitter" },
  { id = "c/fixed-1", maker = "fixed", role = "receiver" },
  { id = "b/fixed-2", maker = "fixed", role = "transmitter" }, { id = "b/free-tx", maker = "free", role = "transmitter" },
  { id = "b/hub", maker = "mdi", role = "hub" },
  { id = "a/mdi-1", maker = "mdi", role = "transmitter" },
  { id = "c/mdi-1", maker = "mdi", role = "transmitter" },
]
system = [
  { id = "ab/free", path = ["ab"], transmitter = "a/free-tx", receiver = "b/free-rx", channel = "C-37", active = true },
  { id = "bc/fixed", path = ["bc"], transmitter = "b/fixed-1", receiver = "c/fixed-1", channel = "O", active = true },
  { id = "abc/free", path = ["ab", "bc"], transmitter = "a/free-tx", receiver = "c/free-rx", channel = "C-38" },
  { id = "ac/mdi", path = ["ab", "bc"], transmitter = "a/mdi-1", other_transmitter = "c/mdi-1", receiver = "b/hub", channel = "C-30" },
]
switch = [{ id = "b/switch", site = "b" }]
consumer = [{ kind = "otp", keys = "014", sites = ["a", "c"] }]
policy = [{ ends = ["a", "c"], paths = 2 }]
"""  # noqa: E501 - one line a system, as in the files
