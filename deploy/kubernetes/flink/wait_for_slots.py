"""Waits until a Flink session cluster has enough task slots: HOST:PORT of its REST interface, and how many.

Exit codes: 0 they are there, 1 they are not within ten minutes, 2 bad usage.
"""

import json
import sys
import time
import urllib.request

DEADLINE_S = 600.0
POLL_S = 2.0
TIMEOUT_S = 5.0
USAGE = "usage: wait_for_slots.py HOST:PORT SLOTS"


def wait_for_slots(address: str, wanted: int, deadline_s: float) -> int:
    """How many slots the cluster has: `wanted` or more, or fewer once `deadline_s` have passed."""
    deadline = time.monotonic() + deadline_s
    told = -1
    while True:
        if (found := slots(address)) != told:
            print(f"{address}: {found} of {wanted} slots", flush=True)
        if found >= wanted or time.monotonic() > deadline:
            return found
        told = found
        time.sleep(POLL_S)


def slots(address: str) -> int:
    """How many slots the cluster's task managers have; none while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}/overview", timeout=TIMEOUT_S) as response:
            return int(json.load(response)["slots-total"])
    except (OSError, ValueError, KeyError):
        return 0


def main(arguments: list[str]) -> int:
    """Wait as `arguments` say; return the exit code."""
    if len(arguments) != 2 or not arguments[1].isdigit():
        print(USAGE, file=sys.stderr)
        return 2
    address, wanted = arguments[0], int(arguments[1])
    if (found := wait_for_slots(address, wanted, DEADLINE_S)) >= wanted:
        return 0
    print(
        f"error: {address} has {found} task slots, and {wanted} are needed\n"
        "fix: see to its task managers (kubectl describe flinkdeployment), or ask for fewer slots",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
