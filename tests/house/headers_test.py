"""Every public header compiles alone; those of the data path also without exceptions and run-time type information, and
without the parts of the standard library that cost more to parse than the header itself.

What compiled stays known in <build>/house-headers.json until one of the files that it read changes."""
import concurrent.futures
import hashlib
import json
import os
import subprocess
import tempfile

import house

FLAGS = ["-std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", "-fsyntax-only",
         f"-I{house.INCLUDE}"]
DATA_PATH_FLAGS = ["-fno-exceptions", "-fno-rtti"]
HEAVY = {"functional", "chrono", "iostream", "system_error", "map", "unordered_map", "regex", "thread", "mutex", "future",
         "filesystem", "fstream", "sstream", "ostream", "istream", "random"}
# What <atomic> reads itself in some libraries: for the headers that threads share, and for no other.
OF_ATOMIC = {"system_error", "mutex", "functional"}
# Rooms that touch octets only; sa, policy and dataplane may store tables.
NO_STORAGE = {"core", "wire", "ip", "esp", "ah"}


def library_flags():
    out = []
    for names in (("botan-3", "botan-2"), ("libpcap",), ("fmt",)):
        for name in names:
            found = subprocess.run(["pkg-config", "--cflags-only-I", name], capture_output=True, text=True)
            if found.returncode == 0:
                out += found.stdout.replace("-I", "-isystem ").split()
                break
    return out


def signature(paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.encode())
        if path.startswith(str(house.ROOT)):
            with open(path, "rb") as file:
                digest.update(file.read())
        else:
            stat = os.stat(path)
            digest.update(f"{stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def check(header, libraries, scratch):
    """(diagnostics, the files it read): no diagnostics is good."""
    stem = os.path.join(scratch, header.replace("/", "_"))
    with open(stem + ".cpp", "w") as file:
        # twice: a header says #pragma once, or stumbles over itself
        file.write(f'#include "ipsec/{header}"\n#include "ipsec/{header}"\n')
    command = [house.CXX, *FLAGS, *libraries, "-MD", "-MF", stem + ".d", stem + ".cpp"]
    if house.is_data_path(header):
        command += DATA_PATH_FLAGS
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        return run.stderr, []
    with open(stem + ".d") as file:
        read = file.read().replace("\\\n", " ").split(":", 1)[1].split()
    read = sorted({os.path.abspath(path) for path in read if not path.startswith(scratch)})
    if house.is_data_path(header):
        forbidden = HEAVY | ({"vector", "string"} if house.room(header) in NO_STORAGE else set())
        if os.path.basename(header).startswith("shared_"):
            forbidden = forbidden - OF_ATOMIC
        heavy = sorted({os.path.basename(p) for p in read if "/c++/" in p and "/bits/" not in p} & forbidden)
        if heavy:
            return f"ipsec/{header} is on the data path and reads <{'>, <'.join(heavy)}>", []
    return "", read


def main():
    libraries = library_flags()
    version = subprocess.run([house.CXX, "--version"], capture_output=True, text=True, check=True).stdout
    key = repr((version, FLAGS, DATA_PATH_FLAGS, libraries, sorted(HEAVY), sorted(NO_STORAGE)))
    house.BUILD.mkdir(parents=True, exist_ok=True)
    cache_file = house.BUILD / "house-headers.json"
    try:
        cache = json.loads(cache_file.read_text())
    except (OSError, ValueError):
        cache = {}
    if cache.get("key") != key:
        cache = {"key": key, "good": {}}

    def known(header):
        entry = cache["good"].get(header)
        try:
            return entry and signature(entry["read"]) == entry["signature"]
        except OSError:
            return False

    headers = house.headers()
    changed = [header for header in headers if not known(header)]
    faults, good = [], {h: cache["good"][h] for h in headers if h not in changed}
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, (diagnostics, read) in zip(changed, pool.map(lambda h: check(h, libraries, scratch), changed)):
            if diagnostics:
                faults.append(f"--- ipsec/{header}\n{diagnostics.strip()[:4000]}")
            else:
                good[header] = {"read": read, "signature": signature(read)}
    cache_file.write_text(json.dumps({"key": key, "good": good}))
    house.finish(faults, f"headers: {len(headers)} compile alone with {os.path.basename(house.CXX)}, {len(changed)} of them anew")


main()
