"""Sets with hidden references: `seal` splits one into a public part and a sealed part.

The public part is a dataset folder that systems run on; `without_exposed` leaves out trials whose clue would hold a
reference. `public_fingerprint` of the sealed part says which public part
belongs to it.
"""
