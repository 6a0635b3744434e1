"""The vocabulary of Mailferry: values and their meaning, no input or output."""
