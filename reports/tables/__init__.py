"""Printed tables, and one escaper for each output language.

`print_table` (`board_tables`) makes a `PrintedTable` (`table`); `to_latex` and `to_markdown` write it. `escapes` has
`markdown`, `markdown_code`, `tex`, `xml` and `json_in_html`.
"""
