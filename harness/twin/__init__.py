"""The twin: a whole network raised from its topology, to develop against and to run scenarios on."""
