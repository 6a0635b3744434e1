"""What processes say to one another: events, the journal's entries, their bytes, and the topology that
carries them.
"""
