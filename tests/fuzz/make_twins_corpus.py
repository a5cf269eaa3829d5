#!/usr/bin/env python3
"""Writes the seeds of the fuzz target of the slow twin into tests/fuzz/corpus/twins/: one for each kind of SA and way round, over the
algorithms in turn. The same run writes the same files."""
import pathlib
import shutil

from make_dataplane_corpus import ESP, IPIP, IPV6, NONE, UDP, udp, v4, v6

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus" / "twins"


def trailer(text, following):
    pad = -(len(text) + 2) % 16
    return text + bytes(range(1, pad + 1)) + bytes([pad, following])


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir(parents=True)
    inner4, inner6 = v4(UDP, udp(), tos=2), v6(UDP, udp())
    arriving = v4(ESP, bytes.fromhex("1020304000000001") + bytes(64))
    for kind in range(16):
        is_transport, over_v6 = kind & 1, kind & 2
        packet = inner6 if over_v6 else inner4
        texts = [trailer(udp(), UDP) if is_transport else trailer(inner6, IPV6), trailer(inner4 + bytes(9), IPIP),
                 trailer(b"", NONE), trailer(inner4, IPIP)[:-3] + b"\xff\xff\xff"]
        seeds = [(0, 0, v6(ESP, arriving[20:]) if over_v6 else arriving), (2, 0, packet), (3, 77, packet), (2, 0, packet + b"link")]
        seeds += [(1, n, text) for n, text in enumerate(texts) if not kind & 8]
        for n, (way, padding, octets) in enumerate(seeds):
            (CORPUS / f"{kind:02}-{n}").write_bytes(bytes([kind | way << 4, 7 * kind + 3 * n, padding]) + octets)


if __name__ == "__main__":
    main()
