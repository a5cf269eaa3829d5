"""Programs, network namespaces and cables; all that is made here bears the tag of this process and is taken down by it."""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

TAG = "interop"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """What a case wanted did not come about."""


class Skipped(Exception):
    """What a case wants, its peer cannot do; the text holds the peer's own words."""


def run(*command, timeout=30, check=True):
    """Runs a program and returns its output; raises `Failed` with the end of it when it does not exit with 0."""
    line = " ".join(map(str, command))
    with subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as started:
        try:
            out, _ = started.communicate(timeout=timeout)
        except BaseException as stopped:  # with all that it started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGTERM)
            if isinstance(stopped, subprocess.TimeoutExpired):
                raise Failed(f"{line}: no end after {timeout} s") from stopped
            raise
    if check and started.returncode != 0:
        raise Failed(f"{line}: exit {started.returncode}: {' '.join(out.split())[-400:]}")
    return out


def wait_for(what, ready, seconds, pause=0.1):
    """Asks `ready` until it answers with something; returns that. Raises `Failed` after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() >= until:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(pause)


class Namespace:
    """A network namespace of this run."""

    def __init__(self, name):
        self.name = f"{TAG}-{os.getpid()}-{name}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        # addresses are usable at once; any source may come from anywhere, as on a router
        self.sysctl(
            "net.ipv6.conf.all.accept_dad=0",
            "net.ipv6.conf.default.accept_dad=0",
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
        )

    def command(self, *command):
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def run(self, *command, **how):
        return run(*self.command(*command), **how)

    def ip(self, *arguments, **how):
        return run("ip", "-n", self.name, *arguments, **how)

    def sysctl(self, *settings):
        self.run("sysctl", "-qw", *settings)

    def start(self, *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        """A program that stays, in a session of its own: a Ctrl-C at the terminal does not reach it."""
        return subprocess.Popen(
            self.command(*command), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
        )

    @contextlib.contextmanager
    def inside(self):
        """This thread in the namespace: sockets made meanwhile belong to it, and stay there."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{self.name}", "rb") as away:
            _enter(away)
            try:
                yield
            finally:
                _enter(home)

    def remove(self):
        remove_namespace(self.name)


def _enter(namespace):
    if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def remove_namespace(name):
    """Ends every process in a namespace of ours, then removes it with all its devices."""
    for _ in range(50):
        inhabitants = run("ip", "netns", "pids", name, check=False).split()
        if not all(i.isdigit() for i in inhabitants) or not inhabitants:
            break
        for pid in map(int, inhabitants):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    run("ip", "netns", "del", name, check=False)


def sweep():
    """Takes down what earlier runs left that were killed, or told to keep everything."""
    for entry in pathlib.Path("/run/netns").glob(f"{TAG}-*"):
        match = re.fullmatch(TAG + r"-(\d+)-.*", entry.name)
        if match and not pathlib.Path("/proc", match[1]).exists():
            remove_namespace(entry.name)
    for entry in pathlib.Path(tempfile.gettempdir()).glob(f"{TAG}-*"):
        match = re.fullmatch(TAG + r"-(\d+)-.*", entry.name)
        if match and not pathlib.Path("/proc", match[1]).exists():
            shutil.rmtree(entry, ignore_errors=True)


def folder():
    """A folder of this run that goes with it."""
    return pathlib.Path(tempfile.mkdtemp(prefix=f"{TAG}-{os.getpid()}-"))


def cable(a, a_device, b, b_device):
    """A veth pair between two namespaces. Frames have their checksums on the wire: they are captured, and carried by a relay."""
    a.ip("link", "add", a_device, "type", "veth", "peer", "name", b_device, "netns", b.name)
    for ns, device in ((a, a_device), (b, b_device)):
        ns.run("ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        ns.ip("link", "set", device, "up")


class Process:
    """A program that was started, and how it is ended."""

    def __init__(self, started):
        self.started = started
        self.pid = started.pid

    def alive(self):
        return self.started.poll() is None

    def send(self, number):
        if self.alive():
            self.started.send_signal(number)

    def end(self, number=signal.SIGTERM, seconds=5):
        """@return the exit status; None when it had to be killed"""
        self.send(number)
        try:
            return self.started.wait(seconds)
        except subprocess.TimeoutExpired:
            self.started.kill()
            self.started.wait()
            return None
