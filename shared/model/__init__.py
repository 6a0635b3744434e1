"""The vocabulary of Mailferry: values and their meaning, without input or output."""
