#!/usr/bin/env python3
"""Runs asio_ike as its users do: two IKE endpoints over real sockets agree, and end in order."""

import re

from support import check, finish, program, run

code, shown, errors = run(program("asio_ike"), timeout=60)
print(shown + errors, end="")


def spis(side, what):
    return re.findall(rf"^{side} +{what}: (0x[0-9a-f]{{8}})", shown, re.M)


check("it ends well", code == 0, str(code))
check("the last line says so", shown.endswith("\nnegotiated, and closed in order\n"))
for here, there in (("left", "right"), ("right", "left")):
    inbound, outbound = spis(here, "inbound SA"), spis(there, "outbound SA")
    check(f"{here} receives on the SA that {there} sends on", len(inbound) == 1 and inbound == outbound, f"{inbound}, {outbound}")
    check(f"{here} keeps no SA", sorted(spis(here, "SA removed")) == sorted(inbound + spis(here, "outbound SA")))
check("each side draws an SPI of its own", spis("left", "inbound SA") != spis("right", "inbound SA"))
finish()
