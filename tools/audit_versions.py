"""`make audit`: known weaknesses of the pinned versions, by pip-audit.

pip-audit ends well where the index does not know a package, and by a traceback where there is no network: both mean
that nothing was audited. Exit codes: 0 all versions audited, nothing known; 1 weaknesses found; 2 not (all) audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_CALL = ("-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "--timeout=15", "--format=json")


def audit(path: Path) -> tuple[int, list[str]]:
    """Exit code and lines for a file of pinned versions."""
    done = subprocess.run([sys.executable, *_CALL, "-r", str(path)], capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return 2, [f"not audited: pip-audit cannot reach its source ({last[:200]}); try again with a network"]
    return result(found)


def result(found: Sequence[Mapping[str, Any]]) -> tuple[int, list[str]]:
    """Exit code and lines for what pip-audit found: a package has `vulns`, or a `skip_reason`."""
    lines = []
    for each in found:
        for weak in each.get("vulns", ()):
            fix = ", ".join(weak.get("fix_versions", ())) or "no version"
            lines.append(f"{each['name']} {each.get('version', '')}: {weak['id']}; fixed in {fix}")
    skipped = [each["name"] for each in found if "skip_reason" in each]
    audited = len(found) - len(skipped)
    if skipped:
        first = ", ".join(skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        why = "pip-audit cannot reach its source, the database of pypi.org" if not audited else "its source lacks them"
        lines.append(f"not audited: {len(skipped)} of {len(found)} versions ({first}): {why}")
    elif not lines:
        lines.append(f"{audited} versions audited: no known weakness")
    return 1 if any("fixed in" in line for line in lines) else 2 if skipped else 0, lines


if __name__ == "__main__":
    code, told = audit(ROOT / "constraints.txt")
    sys.stdout.write("".join(f"{line}\n" for line in told))
    sys.exit(code)
