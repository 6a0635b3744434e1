"""The processes of Mailferry, one folder each; they never import one another."""
