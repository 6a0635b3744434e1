"""The protocol of custody as pure functions: which change is allowed (`decide`), what it makes of the state
(`fold`).

A store loads the messages concerned, lets `decide` produce journal entries, and saves what `fold` makes of
them together with the entries, in one transaction. So the state tables are folds of the journal by
construction.
"""
