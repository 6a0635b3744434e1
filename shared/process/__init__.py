"""A process around services: adapters chosen by the configuration, signals, health, reload."""
