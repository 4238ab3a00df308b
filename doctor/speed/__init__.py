"""Speed of this machine: what `tsebench bench` measures, section by section, and the page that it writes.

`sections` names them; each is a module with a function `report`, which takes `Settings` and gives Markdown.
"""
