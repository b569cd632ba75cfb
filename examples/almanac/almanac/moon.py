"""Phases of the moon, as the program `moon` of the image knows them."""

import subprocess
from datetime import datetime, timezone


def phase(when: datetime) -> str:
    """The phase at a moment, which has to know its time zone."""
    seconds = when.astimezone(timezone.utc).timestamp()
    command = ["moon", str(int(seconds))]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
