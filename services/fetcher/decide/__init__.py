"""What a visit decides, as pure functions and values."""
