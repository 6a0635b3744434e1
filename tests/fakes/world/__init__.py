"""A small world in which the real services run step by step.

Time stands still until the test moves it. A process has an effect on store, broker, source, target or blobs
only when the test gives it its turn.

The services, the SQL (on SQLite in memory) and the rules of custody are real; the servers around them are
played. So each interleaving, each crash between two effects and each lost answer can be produced on purpose
and repeated.
"""
