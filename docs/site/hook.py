"""Hook of mkdocs: adds the generated pages to the site and to its navigation."""

from __future__ import annotations

from typing import Any

from api_pages import api_pages
from command_pages import command_pages, link_to_commands
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from repository_pages import link_to_pages, repository_pages
from shipped_page import shipped_page

from tsebench.reference.pages import key_pages


def generated_pages() -> dict[str, str]:
    """Markdown of all generated pages, by path in the site, in the order of the navigation."""
    keys = {f"keys/{name}": text for name, text in key_pages().items()}
    return {**repository_pages(), **command_pages(), **keys, **api_pages(), "shipped.md": shipped_page()}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Expand `FOLDER/*` of the navigation to the generated pages of the folder."""
    config.nav = expanded(config.nav, list(generated_pages()))
    return config


def expanded(nav: Any, pages: list[str]) -> Any:
    """Navigation in which `FOLDER/*` is the list of the pages in that folder."""
    if isinstance(nav, list):
        return [expanded(item, pages) for item in nav]
    if isinstance(nav, dict):
        return {title: expanded(item, pages) for title, item in nav.items()}
    folder, star, _ = nav.partition("*")
    return [page for page in pages if page.startswith(folder)] if star else nav


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, text in generated_pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Links of a page of docs/ to README, CONTRIBUTING and CHANGELOG lead to their pages, help texts to commands."""
    return markdown if page.file.generated_by else link_to_commands(link_to_pages(markdown))
