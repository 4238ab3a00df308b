"""`tsebench push`: checkpoints, packs and boards on the Hugging Face hub."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from .commands import command
from .output import say

What = Annotated[
    str,
    Argument(
        metavar="CHECKPOINT|ZIP|FOLDER",
        help="A checkpoint (folder, weights file or shipped name), a pack, or the folder of a board.",
    ),
]
Where = Annotated[
    str,
    Argument(
        metavar="REPOSITORY",
        help="hf://ORG/NAME for a checkpoint, hf://datasets/ORG/NAME for a pack, hf://spaces/ORG/NAME for a board; "
        "@BRANCH at its end for another branch than main.",
    ),
]
Private = Annotated[
    bool | None, Option("--private/--public", help="Of a new repository.  [default: private]", show_default=False)
]
Message = Annotated[str, Option(metavar="TEXT", help="Message of the commit.  [default: what is pushed]")]
DryRun = Annotated[bool, Option("--dry-run", help="Show what would be pushed; nothing is sent.")]

EXAMPLES = """
\b
Examples:
  tsebench push runs/train/mine hf://my_lab/my_model --dry-run
  tsebench push runs/train/mine hf://my_lab/my_model --public
  tsebench push team.zip hf://datasets/my_lab/packs
  tsebench push board hf://spaces/my_lab/leaderboard

The login is that of the hub's own client: `hf auth login`, or HF_TOKEN.
"""


@command("push", place=137, summary="Push a checkpoint, a pack or a board to a hub.", examples=EXAMPLES)
def push(what: What, where: Where, private: Private = None, message: Message = "", dry_run: DryRun = False) -> None:
    """Send a checkpoint as safetensors with its card, a pack, or the report of a board, as one commit."""
    from ..core.hub.reference import parse_reference
    from ..core.hub.upload import check_target
    from ..core.hub.upload import push as push_files
    from ..reports.hub.uploads import upload_of

    reference = parse_reference(where)
    upload = upload_of(what, reference)
    check_target(reference, upload)
    for name, size in upload.sizes().items():
        say(f"{name}: {size} bytes")
    if dry_run:
        say(f"{reference}: nothing was sent; the commit would say {message or upload.message!r}")
        return
    found = push_files(upload, reference, private=private, message=message)
    made = f"a new {'private' if found.private else 'public'} repository, " if found.created else ""
    say(f"{reference}: {made}{'pushed' if found.changed else 'nothing has changed'}")
    say(str(found.reference))
