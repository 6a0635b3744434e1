"""Reads a configuration file of getmail6: `file` has its values, `account` what they become."""
