"""Reads the files of other programs into accounts: pure parsers, which save nothing.

Each reader returns an `Import`: one row for each account, with the keys that it has in our configuration, and
a finding for each option that has no counterpart. Nothing is guessed: what is not understood is named with
its line. `checking` passes the rows through the models of the configuration.
"""
