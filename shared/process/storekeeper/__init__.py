"""The store in a child process of its own, so that it and the services each have a processor core.

The child is forked before the parent has threads, and before it has imported what only the store needs: both
get ready at the same time. They speak over a pair of sockets, in pickled frames: the calls of the store's
port go there, what these returned or raised comes back. The child ends when the parent has closed its socket
or is no more; signals are the parent's business.
"""
