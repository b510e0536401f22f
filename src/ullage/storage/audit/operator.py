"""Who runs a command of this program, for the trail."""

from __future__ import annotations

import os
import pwd
import socket

from ullage.model.origin import Origin


def running(command: str) -> Origin:
    """The system's user of this process, on this host; the environment is not asked, for anybody can set that."""
    user = os.geteuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:  # a number without a name, as in some containers
        name = f"uid {user}"
    return Origin(user=name, remote=f"{command} on {socket.gethostname()}")
