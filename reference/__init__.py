"""Reference of every key: `explain` (topics), `print_topic` (terminal), `key_pages` (Markdown), `json_schema`.

`keys` reads them from models and signatures, `docstrings` their words, and `type_words` puts types into words.
"""
