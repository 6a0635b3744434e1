"""Whom a mail is for, as far as its header tells: one class of evidence decides."""
