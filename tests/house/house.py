"""What the tests of the house share: the tree, the floors, the includes."""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(os.environ.get("IPSECPP_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
INCLUDE = ROOT / "include"
BUILD = pathlib.Path(os.environ.get("IPSECPP_BUILD", ROOT / "build" / "house"))
CXX = os.environ.get("IPSECPP_CXX", "g++")

# Lowest floor first; what shares a floor does not include each other.
FLOORS = [["core"], ["wire"], ["crypto"], ["ip"], ["sa"], ["policy"], ["xfrm"], ["esp", "ah"], ["dataplane"], ["isakmp"],
          ["ike"], ["io"], ["testing"]]
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}
PACKET_SIDE = {"esp", "ah", "dataplane"}
IKE_SIDE = {"isakmp", "ike"}
# The concepts of io stand on core alone, and the rooms above may include them.
IO_CONCEPTS = {"io/packet.hpp", "io/datagram.hpp"}
# Adapters to libraries: their headers may include the library, nothing else may.
ADAPTERS = {"asio": "io/asio", "botan": "crypto/botan/", "pcap": "io/pcap", "fmt": "fmt/"}
# Opt-in headers of the low rooms, for control paths.
OPT_IN = {"core/chrono.hpp", "core/error_code.hpp", "core/fmt.hpp", "core/iostream.hpp"}
# What takes a policy apart allocates, and hears of it by an exception that it keeps to itself. The split SPD stands here since it
# is made so; who builds without exceptions looks packets up in a rule list. Checks of groups that others made are
# for IKE alone.
CONTROL_PATH = {"policy/decorrelate.hpp", "policy/questions.hpp", "policy/split_spd.hpp", "crypto/private_group_check.hpp"}


def headers():
    """Public headers, as the path behind #include "ipsec/..." without ipsec/."""
    return sorted(p.relative_to(INCLUDE / "ipsec").as_posix() for p in (INCLUDE / "ipsec").rglob("*.hpp"))


def room(header):
    return header.split("/")[0] if "/" in header else ""


def is_data_path(header):
    if header in OPT_IN | CONTROL_PATH or header.startswith("crypto/botan/"):
        return False
    return header in IO_CONCEPTS or room(header) in {"core", "wire", "crypto", "ip", "sa", "policy"} | PACKET_SIDE


def includes(header):
    """(line, path, quoted) of every #include of a public header."""
    for n, line in enumerate((INCLUDE / "ipsec" / header).read_text(encoding="utf-8").splitlines(), 1):
        if match := re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line):
            yield n, match.group(2), match.group(1) == '"'


def sources(*folders, suffixes=(".hpp", ".cpp", ".md", ".py", ".txt", ".cmake", ".sh", ".in")):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
                yield path


def finish(faults, summary):
    for fault in faults:
        print(fault)
    print(f"{summary}: {len(faults)} faults")
    sys.exit(1 if faults else 0)
