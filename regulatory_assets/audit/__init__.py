"""Proof that nothing on record was changed behind the ledgers' back.

``anchors`` writes the head of the event log, and what the register and the lake held by then, to a
signed file outside the database; ``verification`` compares all of it with what is there now.

Who can write to the control database can also drop its triggers and recompute its chain of hashes.
They would have to change the anchor file as well, whose lines are chained and signed, and whose
copies an auditor may keep. So the file and its key belong on another machine, or at least to
another user, than the database.
"""
