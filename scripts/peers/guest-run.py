#!/usr/bin/env python3
"""guest-run.py SOCKET COMMAND: runs a shell command in the guest behind SOCKET; its output and status become ours.
guest-run.py SOCKET --put FILE PATH: copies a file into the guest."""
import base64
import shlex
import socket
import sys


def main():
    if sys.argv[2] == "--put":
        with open(sys.argv[3], "rb") as file:
            text = base64.encodebytes(file.read())
        command = b"base64 -d > " + shlex.quote(sys.argv[4]).encode() + b" <<'@@'\n" + text + b"@@\n"
    else:
        command = sys.argv[2].encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(120)
        control.connect(sys.argv[1])
        control.sendall(b"%d\n" % len(command) + command)
        answer = control.makefile("rb")
        status, length = map(int, answer.readline().split())
        sys.stdout.buffer.write(answer.read(length))
    return status


if __name__ == "__main__":
    sys.exit(main())
