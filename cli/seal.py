"""`tsebench seal`: split a set into a public part and a sealed one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..core.progress import on_console
from . import options
from .commands import command
from .output import console, print_warning, say

Source = Annotated[str, Argument(metavar="DIR|CONFIG", help="Dataset folder, or config of a set.")]
Out = Annotated[Path, Option(metavar="DIR", help="Folder that gets public/ and sealed/.")]
Name = Annotated[str, Option(metavar="NAME", help="Name of both parts; that of the set would tell its recipe.")]

LeaveOut = Annotated[
    bool, Option("--leave-out-exposed", help="Leave out trials whose enrollment also sounds in a mixture of the set.")
]

EXAMPLES = """
\b
Examples:
  tsebench seal my_secret_set.yaml --corpus mine=/data/unpublished --out challenge
  tsebench seal data/my_secret_set --out challenge --name challenge_2025
  tsebench seal voices.yaml --out challenge --leave-out-exposed
"""


@command("seal", place=35, summary="Split a set into mixtures and clues, and sealed references.", examples=EXAMPLES)
def seal(
    source: Source,
    out: Out,
    name: Name = "challenge",
    leave_out_exposed: LeaveOut = False,
    corpus: options.Corpus = None,
) -> None:
    """Write the public part of a set (mixtures and clues, under names that tell nothing) and the sealed part."""
    from ..core.config_files import shipped_names
    from ..datasets.api import load_dataset
    from ..datasets.sealed.exposed import without_exposed
    from ..datasets.sealed.split import seal as split

    dataset = load_dataset(source, corpora=options.corpora_of(corpus))
    every = len(dataset)
    if leave_out_exposed:
        dataset = without_exposed(dataset)
        say(f"left out, because their enrollments sound in mixtures: {every - len(dataset)} of {every} trials")
    found = split(dataset, out, name=name, progress=on_console(console))
    if dataset.card.name in shipped_names("datasets"):
        print_warning(
            f"set {dataset.card.name!r} has a shipped recipe: whoever guesses it can build the references; for a "
            "challenge seal a set of your own, of recordings that nobody has"
        )
    say(f"{found.public}: {found.n_trials} trials of {found.n_mixtures} mixtures; give this folder to everybody")
    say(f"{found.sealed}: the same with references; keep this folder and its sealed.json to yourself")
