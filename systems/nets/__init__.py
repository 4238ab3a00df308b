"""Networks of the systems and their building blocks.

A system X has its network in `nets.X` (`XConfig`, `XNet`). Building blocks: `tcn`, `filterbank`, `banks`,
`conditioning`, `conv_tasnet` (`Extractor`), `separator`, `enrollment` (`EnrolledNet`), `class_head`, `speaker_head`.
"""
