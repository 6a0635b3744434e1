"""Reading a mail's header: fields, addresses, Received lines, and the part that the provider wrote."""
