"""Pure decisions about one mail: its recipients, its sender, its identity, and whether it is in a loop."""
