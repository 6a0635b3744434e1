"""Measurements of Mailferry against real servers on this machine."""
