"""Networks of the systems and their building blocks.

A system has its network and its config in the module of its own name. Building blocks: `tcn`, `filterbank`, `banks`,
`conditioning`, `conv_tasnet` (`Extractor`), `separator`, `enrollment` (`EnrolledNet`), `class_head`, `speaker_head`.
"""
