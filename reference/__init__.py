"""Reference of every key: `explain` (topics), `print_topic` (terminal), `key_pages` (Markdown).

`keys` reads them from models and signatures, `docstrings` their words, and `type_words` puts types into words.
"""
