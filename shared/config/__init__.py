"""The configuration: one TOML file, overridden by the environment, checked as a whole before anything
starts.

`load` and `from_mapping` return a `Configuration` or raise `ConfigurationError` with all problems at once.
A default of the account keys is taken from [defaults]. Relative paths start from the file's directory.
"""

from shared.config.configuration import Configuration
from shared.config.loading import DEFAULT_PATH, from_mapping, load, load_metrics
from shared.config.show import shown

__all__ = ["DEFAULT_PATH", "Configuration", "from_mapping", "load", "load_metrics", "shown"]
