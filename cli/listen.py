"""`tsebench listen`: listening tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..core.errors import ConfigError, UnknownNameError
from . import options
from .commands import command
from .output import console, say, say_files

Action = Annotated[str, Argument(metavar="export|import", help="Write a test, or read its answers.")]
Run = Annotated[Path, Argument(metavar="RUN_DIR", help="Run whose estimates are heard.")]
Answers = Annotated[list[Path] | None, Argument(metavar="[CSV...]", help="Of import: what listeners saved.")]
Out = Annotated[Path, Option(metavar="DIR", help="Folder of the test, or run folder of its ratings.")]
Design = Annotated[str, Option(metavar="NAME", help="Of export: mushra, p808 (one sound, 1 to 5) or ab (pairs).")]
Trials = Annotated[int, Option(min=1, metavar="N", help="Of export: trials that are heard.")]
Systems = Annotated[
    list[str] | None, Option("--system", metavar="NAME", help="Of export: heard systems.  [default: all that compete]")
]
Listeners = Annotated[int, Option(min=1, metavar="N", help="Of export: balanced orders to draw.")]
Seed = Annotated[int, Option(metavar="N", help="Of export: of trials and orders.")]
WebMushra = Annotated[bool, Option("--webmushra", help="Of export: also write configurations of webMUSHRA.")]
Key = Annotated[Path | None, Option(metavar="DIR", help="Of import: folder of the test, or its key.json.")]

EXAMPLES = """
\b
Examples:
  tsebench listen export runs/quickstart --design mushra --out test
  tsebench listen import runs/quickstart answers-1.csv answers-2.csv \\
      --key test --out runs/listened

Give listeners test/listening.html alone: key.json says which sound is which.
"""


@command("listen", place=140, summary="Make listening tests, and read their answers.", examples=EXAMPLES)
def listen(
    action: Action,
    run: Run,
    answers: Answers = None,
    out: Out = Path("listening"),
    design: Design = "mushra",
    trials: Trials = 8,
    system: Systems = None,
    listeners: Listeners = 20,
    seed: Seed = 0,
    webmushra: WebMushra = False,
    key: Key = None,
    corpus: options.Corpus = None,
) -> None:
    """Export a listening test as a page that needs no server, or import what listeners answered."""
    if action == "export":
        from ..reports.listening.export_test import ExportOptions, export_test

        if answers:
            raise ConfigError(f"`listen export` takes a run alone; leave out {str(answers[0])!r}")
        how = ExportOptions(
            design=design,
            trials=trials,
            systems=tuple(system or ()),
            listeners=listeners,
            seed=seed,
            web_mushra=webmushra,
            corpora=options.corpora_of(corpus),
        )
        test = export_test(run, out, how)
        sounds = sum(len(page.stimuli) for page in test.key.pages.values())
        say(f"{test.page}: {len(test.key.pages)} pages with {sounds} sounds; give this file to listeners")
        if test.web_mushra:
            first = test.web_mushra[0]
            say(f"{first.parent}: a configuration of webMUSHRA for each of {len(test.web_mushra)} listeners")
            say(f"the first listener opens webMUSHRA with ?config={first.name}")
        say(f"{test.key_file}: which sound is which; keep it")
        for remark in test.key.remarks:
            say(f"note: {remark}")
    elif action == "import":
        from ..reports.listening.import_answers import import_answers
        from ..reports.listening.write_result import lines_of, result_board, result_correlations, write_result
        from ..reports.terminal.print_leaderboard import print_leaderboard

        if key is None:
            raise ConfigError("--key is missing; give the folder that `listen export` wrote")
        found = import_answers(run, key, answers or (), out)
        board = result_board(run, found)
        print_leaderboard(board, console)
        correlated = result_correlations(run, found)
        for line in lines_of(correlated):
            say(line)
        say_files(write_result(board, correlated, out / "report"), out / "report")
    else:
        raise UnknownNameError("action", action, ["export", "import"])
