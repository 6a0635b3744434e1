"""What follows for a mail, as pure functions and values: recipients, sender, identity, loops."""
