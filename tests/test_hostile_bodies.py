"""Broken and hostile bodies: refused in a sentence, for little memory, and the next one counts."""

import json
import subprocess
import sys

from conftest import ROOT

REFUSED, TOO_LARGE = {"400"}, {"413"}
TAKEN_OR_REFUSED = {"200", "400", "413", "415", "422"}
SWARMS = ("resources", "scopes", "spans", "attributes", "arrays", "objects", "named")
SWARMS += ("towers", "fields", "bomb")


def test_no_body_brings_the_board_down_or_takes_64_mebibytes_and_the_next_one_is_counted(tmp_path):
    told = flood(tmp_path)
    answers = {kind: statuses.keys() for kind, statuses in told["answers"].items()}

    assert sum(sum(statuses.values()) for statuses in told["answers"].values()) > 5000
    assert set().union(*answers.values()) == TAKEN_OR_REFUSED
    assert {kind for kind in SWARMS if answers[kind] != TOO_LARGE} == set()
    assert answers["depth"] == answers["groups"] == REFUSED
    assert answers["cut JSON"] == answers["cut gzip"] == REFUSED
    # Protobuf that ends between two of its parts is a shorter body.
    assert told["answers"]["cut"]["400"] > 490
    assert max(told["grown"].values()) < 64
    assert told["good"] == [200, 1]
    assert told["differing"] == 0


def flood(folder):
    """What a board in a process of its own tells of thousands of hostile bodies."""
    command = [sys.executable, str(ROOT / "tests" / "flood.py"), f"sqlite:///{folder / 'board.db'}"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)
