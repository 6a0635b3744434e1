"""A simulation that runs the real services step by step.

Real are the services, the SQL (on SQLite in memory) and the protocol of custody. Simulated are time,
processes and servers. Time stands still until the test moves it. A process has an effect on store, broker,
source, target or blobs only when the test lets it. So a test can produce each order of effects, each crash
between two effects and each lost answer, and repeat it.
"""
