"""The rules of custody as pure functions: `decide` says which change is allowed, `fold` makes the new state.

A store loads the messages concerned, lets `decide` produce journal entries, and saves the entries and what
`fold` makes of them in one transaction. So the state tables are folds of the journal by construction.
"""
