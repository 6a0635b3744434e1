"""The search for a mail's recipients in its header. One class of evidence decides."""
