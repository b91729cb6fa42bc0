"""Quside's quantum random number generator, emulated: entropy over REST and over `qkd.entropy.v1`."""
