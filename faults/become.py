"""``python -m faults.become USER COMMAND...``: PostgreSQL refuses to run as root, so become USER, then COMMAND."""

import os
import pwd
import sys


def main(name: str, command: list[str]) -> None:
    """Does not return."""
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = user.pw_dir
    os.execvp(command[0], command)  # noqa: S606  it is the caller's


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
