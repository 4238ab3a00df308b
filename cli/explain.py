"""`tsebench explain`: every key of configs and options, with type, unit, default and meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from .commands import command
from .output import console, say

if TYPE_CHECKING:
    from ..reference.topic import Kind

EXAMPLES = """
\b
Examples:
  tsebench explain run                    # keys of a run config
  tsebench explain run time_limit_s       # one of them
  tsebench explain builder sound_mix      # parameters of a builder
  tsebench explain train soundbeam        # keys of a network
  tsebench explain metric wer             # value and settings of a metric
  tsebench explain run --schema           # JSON schema for editors, of run,
                                          # dataset or train configs
"""

KindName = Annotated[str | None, Argument(metavar="[KIND]", help="run, dataset, builder, corpus, train, system, ...")]
Name = Annotated[str | None, Argument(metavar="[NAME]", help="Name as in `tsebench list`, or a key of a config.")]
Key = Annotated[str | None, Argument(metavar="[KEY]", help="One key of it.")]
Schema = Annotated[bool, Option("--schema", help="Print the JSON schema of run, dataset or train configs instead.")]


@command("explain", place=11, summary="Explain every key of configs, and metrics and systems.", examples=EXAMPLES)
def explain(kind: KindName = None, name: Name = None, key: Key = None, schema: Schema = False) -> None:
    """Explain keys: type, unit, default, meaning, and what they are relative to."""
    from ..reference.explain import KINDS, kind_of
    from ..reference.explain import explain as topic
    from ..reference.print_topic import print_pairs, print_topic

    if kind is None:
        kinds = [kind_of(each) for each in KINDS]
        print_pairs([(f"explain {each.name}{_argument(each)}", each.about) for each in kinds], console)
        return
    chosen = kind_of(kind)
    if schema:
        from ..reference.schema import schema_text

        say(schema_text(chosen.name))
        return
    if name is None and chosen.general is None:
        print_pairs([(each, chosen.named(each).summary) for each in chosen.names()] if chosen.named else [], console)
        return
    print_topic(topic(kind, name, key), console)
    if name is None and chosen.named is not None:
        say(f"\nNames that `tsebench explain {chosen.name} NAME` takes: {', '.join(chosen.names())}")


def _argument(kind: Kind) -> str:
    if kind.named is None:
        return ""
    return " NAME" if kind.general is None else " [NAME]"
