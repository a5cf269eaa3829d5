"""No header of the library asserts, aborts, exits or throws (cve-52), and none opens a socket or asks a name server (cve-43):
whatever comes in, the answer is a value. Apart: the adapters to Botan, which have to throw what Botan expects and are fenced, and
those to an operating system, which are asked for by name."""
import re

import house

STOPS = re.compile(r"(?<!static_)\b(assert|abort|terminate|_Exit|quick_exit|__builtin_trap|unreachable)\s*\(|\bthrow\b")
FETCHES = re.compile(r"\b(getaddrinfo|gethostbyname|connect|popen|system)\s*\(|<(netdb\.h|sys/socket\.h|curl/.*)>")
MAY_STOP = ("crypto/botan/",)
MAY_FETCH = ("io/", "xfrm/")


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def places(header, text, pattern):
    return [f"include/ipsec/{header}:{n}: {line.strip()}" for n, line in enumerate(without_comments(text).splitlines(), 1)
            if pattern.search(line)]


def main():
    for bad in ("assert(x);", "std::abort();", "throw 1;", "std::terminate ();"):
        assert places("x", bad, STOPS), bad
    for good in ("static_assert(x);", "// throw", "aborted(x);", "x.throws();"):
        assert not places("x", good, STOPS), good
    assert places("x", "getaddrinfo(a);", FETCHES) and not places("x", "reconnect(a);", FETCHES)
    faults = []
    for header in house.headers():
        text = (house.INCLUDE / "ipsec" / header).read_text(encoding="utf-8")
        if not header.startswith(MAY_STOP):
            faults += places(header, text, STOPS)
        if not header.startswith(MAY_FETCH):
            faults += places(header, text, FETCHES)
    house.finish(faults, f"{len(house.headers())} headers, none stops the program or fetches anything")


main()
