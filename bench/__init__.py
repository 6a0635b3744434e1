"""Measurements against real servers on this machine, side by side in one run; nothing here is asserted."""
