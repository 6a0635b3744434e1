"""The operational edge: configuration, logs, metrics, health, signals and the named steps of kill tests."""
