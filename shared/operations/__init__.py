"""What an operator can do with Mailferry.

An operation is a function that takes an `OperatorContext`, or the configuration where it needs no database.
It returns frozen values with all facts and raises a `MailferryError`. It prints nothing and imports no
service: what only a service can do is passed in as a function (docs/decisions/operations-take-functions.md).
"""
