#!/usr/bin/env python3
"""Runs asio_ike as its users do: two IKE endpoints over real sockets agree, and end in order."""
import os
import re
import subprocess
import sys

done = subprocess.run([os.path.join(os.environ["IPSECPP_BIN"], "asio_ike")], capture_output=True, text=True, timeout=60)
print(done.stdout + done.stderr, end="")


def spis(side, what):
    return re.findall(rf"^{side} +{what}: (0x[0-9a-f]{{8}})", done.stdout, re.M)


def main():
    if done.returncode != 0:
        return f"asio_ike ended with {done.returncode}"
    if not done.stdout.endswith("\nnegotiated, and closed in order\n"):
        return "the last line is another one"
    for here, there in (("left", "right"), ("right", "left")):
        inbound, outbound = spis(here, "inbound SA"), spis(there, "outbound SA")
        if len(inbound) != 1 or inbound != outbound:
            return f"{here} receives on {inbound}, {there} sends on {outbound}"
        if sorted(spis(here, "SA removed")) != sorted(inbound + spis(here, "outbound SA")):
            return f"{here} kept an SA"
    if spis("left", "inbound SA") == spis("right", "inbound SA"):
        return "both sides drew one SPI"
    return 0


sys.exit(main())
