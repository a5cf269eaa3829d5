"""What is on the wire between the two sides: tcpdump takes it down, tshark reads it with the keys that the gateway logged."""
import collections
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess

from .net import Failed, Process, wait_for

FILTER = "udp port 500 or udp port 4500 or esp or ah or ip6 proto 50 or ip6 proto 51"


class Capture:
    def __init__(self, ns, device, file):
        self.file = file
        self.errors = open(str(file) + ".err", "w+b")
        self.process = Process(
            ns.start(
                "tcpdump", "-i", device, "--immediate-mode", "-U", "-s", 0, "-Z", "root", "-w", file, FILTER, stderr=self.errors
            )
        )
        wait_for("tcpdump listens", lambda: b"listening" in self._said(), 5, pause=0.02)

    def _said(self):
        self.errors.seek(0)
        return self.errors.read()

    def end(self):
        self.process.end(signal.SIGINT)
        self.errors.close()
        os.unlink(self.errors.name)


Verdict = collections.namedtuple("Verdict", "isakmp sealed opened protected readable right pings kinds")


def repetitions(file):
    """Numbers of the frames, counted from 1, whose UDP datagram an earlier frame had: tshark decrypts them with the IV of the next."""
    data, at, number, seen, found = file.read_bytes(), 24, 0, set(), set()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        ip, number = data[at + 16 + 14:at + 16 + size], number + 1
        at += 16 + size
        header, protocol = ((ip[0] & 15) * 4, ip[9]) if ip[:1] and ip[0] >> 4 == 4 else (40, ip[6] if len(ip) > 6 else 0)
        if protocol == socket.IPPROTO_UDP:
            if ip[header:] in seen:
                found.add(number)
            seen.add(ip[header:])
    return found


def dissect(file, keys):
    """Reads a capture with the tables in the folder `keys`. Raises `Failed` when tshark finds anything malformed.

    @return how many ISAKMP messages there are, are encrypted, were opened; how many packets of ESP and AH there are, show what is
            inside, have an ICV that is right by tshark; how many frames show an echo request or reply; the kinds of protection
    """
    preferences = [
        "-o",
        "esp.enable_encryption_decode:TRUE",
        "-o",
        "esp.enable_authentication_check:TRUE",
        "-o",
        "esp.enable_null_encryption_decode_heuristic:FALSE",
        "-o",
        "ip.check_checksum:TRUE",
    ]
    done = subprocess.run(
        ["tshark", "-n", "-r", str(file), *preferences, "-V"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(keys)},
    )
    if done.returncode != 0:
        raise Failed(f"tshark: {' '.join(done.stderr.split())[-300:]}")
    counts, kinds, again = collections.Counter(), set(), repetitions(pathlib.Path(file))
    for number, frame in enumerate(re.split(r"(?m)^Frame \d+:", done.stdout)[1:], 1):
        if number in again and "Internet Security Association" in frame:
            continue
        if bad := re.search(r".*(?:Malformed|Expert Info \((?:Warning|Error)).*", frame):
            raise Failed(f"tshark, frame {number}: {bad[0].strip()}")
        if "Internet Security Association" in frame:
            sealed = re.search(r"\.\.\. \.\.\.1 = Encryption: Encrypted", frame) is not None
            counts.update(
                isakmp=1, sealed=sealed, opened=sealed and re.search(r"Encrypted Data[^\n]*\n\s+Payload:", frame) is not None
            )
        elif "Encapsulating Security Payload" in frame:
            kinds.add("ESP in UDP" if "UDP Encapsulation" in frame else "ESP")
            counts.update(protected=1, readable="Pad Length" in frame, right="[Good: True]" in frame)
        elif "Authentication Header" in frame:
            kinds.add("AH")
            counts.update(protected=1, readable=1, right=1)  # tshark knows no keys for AH
        counts.update(pings="Echo (ping) re" in frame)
    return Verdict(*(counts[name] for name in Verdict._fields[:-1]), kinds)
