"""What is on the wire between the two sides: tcpdump takes it down, tshark reads it with the keys that the gateway logged."""
import collections
import os
import re
import signal
import socket
import struct
import subprocess

from .net import Failed, Process, wait_for
from .relay import ALL, datagram, isakmp

PREFERENCES = (
    "esp.enable_encryption_decode:TRUE",
    "esp.enable_authentication_check:TRUE",
    "esp.enable_null_encryption_decode_heuristic:FALSE",
    "ip.check_checksum:TRUE",
)
# with the IP fragments of messages that hold certificates
FILTER = "udp port 500 or udp port 4500 or esp or ah or ip6 proto 50 or ip6 proto 51 or ip[6:2] & 0x3fff != 0 or ip6 proto 44"


class Capture:
    def __init__(self, ns, device, file, what=FILTER):
        self.file = file
        self.errors = open(str(file) + ".err", "w+b")
        self.process = Process(
            ns.start(
                "tcpdump", "-i", device, "--immediate-mode", "-U", "-s", 0, "-Z", "root", "-w", file, what, stderr=self.errors
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


def kind(frame):
    """What a frame carries: "ESP", "AH", "ESP in AH", "ESP in UDP", "IKE" (with what keeps a NAT's mapping), or in the clear
    "ICMP", "TCP", "UDP" or "IP protocol N"; "" for what only the link needs"""
    found = datagram(frame)
    if not found:
        return ""
    protocol, port, payload = found
    if protocol == 51:
        return "ESP in AH" if payload[:1] == b"\x32" else "AH"
    if protocol == 17:
        ports = {port, int.from_bytes(frame[-len(payload) - 8 :][:2], "big")}
        if 4500 in ports and len(payload) > 1:  # else to keep a NAT's mapping
            return "IKE" if isakmp(4500, payload) else "ESP in UDP"
        return "IKE" if ports & {500, 4500} else "UDP"
    if protocol == 58:
        return "ICMP" if payload[:1] in (b"\x80", b"\x81") else ""  # neighbours and groups are the link's
    # 0 and 2: reports of groups
    return {0: "", 1: "ICMP", 2: "", 6: "TCP", 50: "ESP"}.get(protocol, f"IP protocol {protocol}")


class Watch:
    """Every frame at a device, kept by the system until `end`: for cells with few packets, to which tcpdump is too slow."""

    def __init__(self, ns, device, file):
        self.file = file
        with ns.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
        self.socket.bind((device, ALL))
        self.socket.setblocking(False)

    def end(self):
        """@return how many frames there were of each (kind, whether it leaves the namespace)"""
        seen = collections.Counter()
        with self.socket, open(self.file, "wb") as out:
            out.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            while True:
                try:
                    frame, whence = self.socket.recvfrom(65536)
                except BlockingIOError:
                    break
                out.write(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)
                seen[kind(frame), whence[2] == 4] += 1  # PACKET_OUTGOING
            if struct.unpack("=II", self.socket.getsockopt(263, 6, 8))[1]:  # SOL_PACKET, PACKET_STATISTICS
                raise Failed("frames were lost to the watch on the wire")
        return seen


class Verdict(collections.namedtuple("Verdict", "isakmp sealed opened protected readable right pings kinds")):
    def shows(self, pings):
        """Whether everything was opened, so many echo requests and replies in it. More may be there: the end of a TCP connection of
        the case before, which came to nothing when its tunnel went, goes through the first one that stands again."""
        return self.opened == self.sealed and self.protected == self.readable == self.right and self.pings == pings


def records(capture):
    """The records of a capture file (tcpdump's: octets in this machine's order): a frame each, behind a header of 16 octets."""
    at = 24
    while at + 16 <= len(capture):
        end = at + 16 + struct.unpack_from("=I", capture, at + 8)[0]
        yield capture[at:end]
        at = end


def kinds(file):
    """How many frames of each `kind` a capture has."""
    return collections.Counter(kind(record[16:]) for record in records(file.read_bytes()))


def spis(file):
    """The SPIs of ESP and AH in a capture, in IP or in UDP: {the frames' source at the link: SPIs}."""
    found = collections.defaultdict(set)
    for record in records(file.read_bytes()):
        frame = record[16:]
        what = kind(frame)
        if what in ("ESP", "AH", "ESP in UDP"):
            at = 4 if what == "AH" else 0
            found[frame[6:12]].add(datagram(frame)[2][at : at + 4])
    return found


def ike_sizes(file):
    """The IPv4 packets with IKE in a capture: source and length of each."""
    frames = (record[16:] for record in records(file.read_bytes()))
    return [
        (socket.inet_ntoa(frame[26:30]), int.from_bytes(frame[16:18], "big"))
        for frame in frames
        if kind(frame) == "IKE" and frame[12:14] == b"\x08\x00"
    ]


def without_repeats(capture):
    """The pieces of a capture file without IKE messages that were there before."""
    seen = set()
    yield capture[:24]
    for record in records(capture):
        frame = record[16:]
        found = datagram(frame)
        message = isakmp(found[1], found[2]) if found else b""
        if not message or (frame[6:12], message) not in seen:
            yield record
        seen.add((frame[6:12], message))


def dissect(file, keys):
    """Reads a capture with the tables in the folder `keys`. Raises `Failed` when tshark finds anything malformed.

    IKE messages that were sent again are left out: tshark opens them with the IV of the message that follows, and finds noise.

    @return how many ISAKMP messages there are, are encrypted, were opened; how many packets of ESP and AH there are, show what is
            inside, have an ICV that is right by tshark; how many frames show an echo request or reply; the kinds of protection
    """
    once = file.with_suffix(".once.pcap")
    once.write_bytes(b"".join(without_repeats(file.read_bytes())))
    done = subprocess.run(
        ["tshark", "-n", "-r", str(once), *(word for p in PREFERENCES for word in ("-o", p)), "-V"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(keys)},
    )
    if done.returncode != 0:
        raise Failed(f"tshark: {' '.join(done.stderr.split())[-300:]}")
    counts, kinds = collections.Counter(), set()
    for number, frame in enumerate(re.split(r"(?m)^Frame \d+:", done.stdout)[1:], 1):
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
