"""Which commit the code is at."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def git_commit() -> str | None:
    """Commit of the checkout that tsebench runs from, with `+changes` if it was edited.

    None for an installed package, or where there is no git.
    """
    root = Path(__file__).resolve().parent
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    commit = _answer(git, root, "rev-parse", "HEAD")
    if commit is None:
        return None
    return commit + ("+changes" if _answer(git, root, "status", "--porcelain") else "")


def _answer(git: str, folder: Path, *arguments: str) -> str | None:
    done = subprocess.run(
        [git, "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
