"""A small world in which the real services run step by step: time stands still until the test moves it, and
nobody has an effect on store, broker, source, target or blobs before the test gives him his turn.

Real are the services, the SQL (on SQLite in memory) and the protocol of custody; played are the servers
around them. So every interleaving, every crash between two effects and every answer that got lost can be had,
on purpose and again.
"""
