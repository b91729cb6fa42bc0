"""Q*Bird: MDI with a hub (Falqon series)."""
