"""Pages of the reference for the documentation site."""

from __future__ import annotations

from tsebench.reference.explain import KINDS, kind_of
from tsebench.reference.pages import key_pages


def test_a_page_for_each_kind() -> None:
    pages = key_pages()
    assert [*pages] == ["index.md", *(f"{kind}.md" for kind in KINDS)]
    assert "| `snr_db`<br>two numbers, dB<br>default `[15, 25]` | lowest and highest level" in pages["builder.md"]
    for name in kind_of("builder").names():
        assert f"\n## {name}\n" in pages["builder.md"]
