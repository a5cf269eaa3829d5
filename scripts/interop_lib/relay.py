#!/usr/bin/env python3
"""relay.py DEVICE DEVICE [--loss P] [--reorder P] [--duplicate P] [--seed N] [--stop-after main|quick COUNT]

A bad wire: carries Ethernet frames between two devices, and treats those with IPsec or IKE inside as it is told; each of the
three happens to a packet with its own probability. --stop-after counts the messages of Main or Quick Mode, each once however
often it is sent, carries COUNT of them, prints "stopped", and from then on carries no IKE and no IPsec before SIGUSR1 comes.
Ends with SIGTERM, and then prints how many packets it carried, lost, held back and doubled.
"""
import argparse
import random
import select
import signal
import socket
import sys
import time

ALL = 3  # ETH_P_ALL
EXCHANGES = {"main": 2, "quick": 32}


def datagram(frame):
    """@return (protocol, destination port, payload) of an IP packet in the frame; None for any other"""
    kind, at = frame[12:14], 14
    if kind == b"\x08\x00":
        protocol, at = frame[23], 14 + 4 * (frame[14] & 15)
    elif kind == b"\x86\xdd":
        protocol, at = frame[20], 54
    else:
        return None
    if protocol == 17:
        return protocol, int.from_bytes(frame[at + 2 : at + 4], "big"), frame[at + 8 :]
    return protocol, 0, frame[at:]


def isakmp(port, payload):
    if port == 4500:
        return payload[4:] if payload[:4] == bytes(4) else b""
    return payload if port == 500 else b""


class Relay:
    def __init__(self, how):
        self.how = how
        self.chance = random.Random(how.seed)
        self.ends = [self.open(device) for device in how.devices]
        self.held = []  # (at the latest, end, frame)
        self.seen = set()
        self.stopped = False
        self.counts = dict(carried=0, lost=0, held=0, doubled=0)

    @staticmethod
    def open(device):
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
        end.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)  # SO_RCVBUFFORCE
        end.bind((device, ALL))
        end.setblocking(False)
        return end

    def send(self, end, frame):
        try:
            end.send(frame)
        except OSError:
            pass  # the device is down: so much for the packet

    def treat(self, end, frame):
        found = datagram(frame)
        if not found or not (
            found[0] in (50, 51) or found[1] in (500, 4500) or found[0] == 17 and frame[34:36] in (b"\x01\xf4", b"\x11\x94")
        ):
            return self.send(end, frame)
        if self.stopped:
            self.counts["lost"] += 1
            return None
        if self.chance.random() < self.how.loss:
            self.counts["lost"] += 1
            return None
        self.counts["carried"] += 1
        if self.chance.random() < self.how.reorder:
            self.counts["held"] += 1
            self.held.append((time.monotonic() + self.chance.uniform(0.005, 0.05), end, frame))
            return None
        self.send(end, frame)
        if self.chance.random() < self.how.duplicate:
            self.counts["doubled"] += 1
            self.send(end, frame)
        if self.how.stop_after:
            self.count(frame, isakmp(found[1], found[2]))
        return None

    def count(self, frame, message):
        exchange, limit = self.how.stop_after
        if len(message) >= 28 and message[18] == EXCHANGES[exchange]:
            self.seen.add((frame[6:12], message))
            if len(self.seen) == int(limit):
                self.stopped = True
                print("stopped", flush=True)

    def run(self):
        while True:
            now = time.monotonic()
            for due, end, frame in [h for h in self.held if h[0] <= now]:
                self.send(end, frame)
            self.held = [h for h in self.held if h[0] > now]
            ready, _, _ = select.select(self.ends, [], [], 0.005 if self.held else 0.5)
            for end in ready:
                other = self.ends[1 - self.ends.index(end)]
                for _ in range(64):
                    try:
                        frame, whence = end.recvfrom(65536)
                    except OSError:
                        break
                    if whence[2] != 4:  # PACKET_OUTGOING: our own
                        self.treat(other, frame)

    def open_again(self, *_):
        self.stopped, self.how.stop_after = False, None


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("devices", nargs=2)
    for name in ("--loss", "--reorder", "--duplicate"):
        p.add_argument(name, type=float, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--stop-after", nargs=2)
    relay = Relay(p.parse_args())
    signal.signal(signal.SIGUSR1, relay.open_again)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    try:
        relay.run()
    finally:
        print(" ".join(f"{n} {what}" for what, n in relay.counts.items()), flush=True)


if __name__ == "__main__":
    main()
