"""The services in one process: for one machine, for trying out, and for the demonstration."""
