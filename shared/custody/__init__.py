"""The rules of custody as pure functions: which change is allowed (`decide`), and what it makes of the state
(`fold`).

A store loads the messages concerned, lets `decide` produce journal entries, and saves the entries and what
`fold` makes of them in one transaction. So the state tables are folds of the journal by construction.
"""
