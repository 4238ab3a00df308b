"""Systems: one module for each, with their networks, training, and wrappers of models of other projects.

Used by the rooms above: `protocol` (`System`, `PrivilegedSystem`, `SystemCard`, `Extraction`), `registry`
(`SYSTEMS`, `register_system`, `load_system`), `trainable` (`TASKS`), `shared.batches`, `shared.probes`,
`checkpoints.checkpoint` and `training`.
"""
