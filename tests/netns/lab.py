"""The network lab: hosts that are network namespaces, wires between them, and the run of scenarios.

Everything a lab makes carries the process id in its name and is gone when the lab is left, however
it is left; what a killed run could not clean up, the next one does. Nothing here knows WireGuard:
tunnel.py has the daemons, traffic.py the traffic, wire.py the wire tap.
"""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")

CLONE_NEWNET = 0x40000000
NAMESPACE = re.compile(r"^troupe-(\d+)-\w+")
FOLDER = re.compile(r"^troupe-(\d+)-")
INTERFACE = re.compile(r"^t(\d+)[a-z](\.|$)")
SOCKET_FOLDERS = (Path("/var/run/wireguard"), Path("/run/troupe"))
STATE_FOLDER = Path("/var/lib/troupe")  # Of each interface a folder.
TOOLS = ("ip", "ethtool", "nft", "ping", "wg")

# The daemons are the sanitizers' build, which is many times slower.
SANITIZED = os.environ.get("LAB_SANITIZED") == "ON"

libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What should hold and does not, as one sentence."""


def require(condition: object, reason: str) -> None:
    if not condition:
        raise Failure(reason)


def wait_until(what: str, condition: Callable[[], Result], timeout: float = 30.0) -> Result:
    """The first true result of `condition`; a failure that names `what` when none comes."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"after {timeout:g} s still not: {what}")
        time.sleep(0.02)


def run(*command: str, text: str | None = None, fails: bool = False,
        timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Runs to the end. Unless it may fail, a non-zero exit is a failure with what it printed."""
    done = subprocess.run(command, input=text or "", capture_output=True, text=True,
                          timeout=timeout, check=False)
    if done.returncode != 0 and not fails:
        raise Failure(f"`{' '.join(command)}` ended with {done.returncode}: "
                      f"{done.stderr.strip() or done.stdout.strip()}")
    return done


class Host:
    """A network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.namespace = f"troupe-{os.getpid()}-{name}"
        run("ip", "netns", "add", self.namespace)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.ip("link", "set", "lo", "up")

    def run(self, *command: str, **how) -> subprocess.CompletedProcess[str]:
        return run("ip", "netns", "exec", self.namespace, *command, **how)

    def popen(self, *command: str, **how) -> subprocess.Popen:
        return subprocess.Popen(("ip", "netns", "exec", self.namespace, *command), **how)

    def ip(self, *arguments: str) -> str:
        return run("ip", "-n", self.namespace, *arguments).stdout

    def sysctl(self, key: str, value: object) -> None:
        self.run("sh", "-c", f"echo {value} > /proc/sys/{key.replace('.', '/')}")

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of this process that lives in the host."""
        return self.call_inside(lambda: socket.socket(family, kind, protocol))

    def call_inside(self, make: Callable[[], Result]) -> Result:
        """What `make` opens with this thread in the host: a descriptor keeps its namespace."""
        with open("/proc/thread-self/ns/net", encoding="ascii") as home, \
                open(f"/run/netns/{self.namespace}", encoding="ascii") as here:
            enter_namespace(here.fileno())
            try:
                return make()
            finally:
                enter_namespace(home.fileno())

    def has_link(self, name: str) -> bool:
        return run("ip", "-n", self.namespace, "link", "show", name, fails=True).returncode == 0

    def link_state(self, name: str) -> str:
        """As `ip -o link` prints it: flags, MTU, state."""
        return self.ip("-o", "link", "show", "dev", name)

    def add_addresses(self, link: str, *addresses: str) -> None:
        for address in addresses:
            self.ip("address", "add", address, "dev", link, *(["nodad"] if ":" in address else []))

    def delete_addresses(self, link: str, *addresses: str) -> None:
        for address in addresses:
            self.ip("address", "del", address, "dev", link)

    def write_etc(self, name: str, text: str) -> None:
        """A file that `ip netns exec` shows its commands as /etc/NAME."""
        folder = Path("/etc/netns") / self.namespace
        make_folder(folder)
        (folder / name).write_text(text, encoding="utf-8")


def make_folder(folder: Path) -> None:
    """Another lab that ends may take away the empty one above it in between."""
    while not folder.is_dir():
        with contextlib.suppress(FileNotFoundError):
            folder.mkdir(parents=True, exist_ok=True)


def enter_namespace(descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


def remove_namespace(name: str) -> None:
    pids = run("ip", "netns", "pids", name, fails=True).stdout.split()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    run("ip", "netns", "delete", name, fails=True)
    etc = Path("/etc/netns")
    shutil.rmtree(etc / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # Others have theirs in it, or it is gone.
        etc.rmdir()


def is_gone(pid: str) -> bool:
    return not Path("/proc", pid).exists()


def sweep() -> None:
    """Removes what runs left behind that were killed outright."""
    for line in run("ip", "netns", "list").stdout.splitlines():
        match = NAMESPACE.match(line)
        if match and is_gone(match[1]):
            remove_namespace(match[0])
    for folder in SOCKET_FOLDERS:
        for path in folder.glob("t*"):
            match = INTERFACE.match(path.name)
            if match and is_gone(match[1]):
                path.unlink(missing_ok=True)
    for path in STATE_FOLDER.glob("t*"):
        match = INTERFACE.match(path.name)
        if match and is_gone(match[1]):
            shutil.rmtree(path, ignore_errors=True)
    for path in Path(tempfile.gettempdir()).glob("troupe-*-*"):
        match = FOLDER.match(path.name)
        if match and is_gone(match[1]):
            shutil.rmtree(path, ignore_errors=True)


class Lab:
    """A with-block: hosts, wires and files that end with it."""

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self.interfaces: list[str] = []
        self.children: list[subprocess.Popen] = []
        self.folder = Path(tempfile.mkdtemp(prefix=f"troupe-{os.getpid()}-"))

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts:
            remove_namespace(host.namespace)
        for child in self.children:
            child.kill()
            child.wait()
        for name in self.interfaces:
            for folder in SOCKET_FOLDERS:
                for path in folder.glob(f"{name}.*"):
                    path.unlink(missing_ok=True)
            shutil.rmtree(STATE_FOLDER / name, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def host(self, name: str) -> Host:
        host = Host(name)
        self.hosts.append(host)
        return host

    def link(self, left: Host, right: Host, left_addresses: Iterable[str],
             right_addresses: Iterable[str], mtu: int = 1500,
             segments: bool = False) -> tuple[str, str]:
        """A wire; its ends are named after the host they lead to. Without `segments` it takes no
        super-datagrams, so that a tap sees what a real wire would carry."""
        ends = (f"to-{right.name}", f"to-{left.name}")
        run("ip", "link", "add", "name", ends[0], "netns", left.namespace, "mtu", str(mtu),
            "type", "veth", "peer", "name", ends[1], "netns", right.namespace, "mtu", str(mtu))
        for host, end, addresses in ((left, ends[0], left_addresses),
                                     (right, ends[1], right_addresses)):
            if not segments:
                host.run("ethtool", "-K", end, "tx-udp-segmentation", "off")
            host.add_addresses(end, *addresses)
            host.ip("link", "set", end, "up")
        return ends

    def interface_name(self) -> str:
        """Unique on the machine: control sockets are shared between namespaces."""
        name = f"t{os.getpid()}{chr(ord('a') + len(self.interfaces))}"
        self.interfaces.append(name)
        return name

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def print_logs(self) -> None:
        for path in sorted(self.folder.glob("*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            print(f"--- {path.name}: the last {min(len(lines), 60)} of {len(lines)} lines")
            print("\n".join(lines[-60:]))


class Scenario(NamedTuple):
    sentence: str
    play: Callable[[Lab], None]


def scenario(play: Callable[..., None], *arguments: object) -> Scenario:
    """The sentence that `play` proves is the first of its text; arguments follow the lab."""
    sentence = (play.__doc__ or play.__name__).split(".\n")[0].split("\n\n")[0]
    shown = ", ".join(str(argument) for argument in arguments)
    sentence = " ".join(sentence.split()).rstrip(".") + (f" ({shown})" if shown else "")
    return Scenario(sentence, lambda lab: play(lab, *arguments))


def prove(one: Scenario) -> bool:
    with Lab() as lab:
        try:
            one.play(lab)
        except Failure as failure:
            print(f"not ok - {one.sentence}\n  {failure}")
        except Exception:
            print(f"not ok - {one.sentence}\n{traceback.format_exc()}")
        else:
            print(f"ok - {one.sentence}", flush=True)
            return True
        lab.print_logs()
        return False


def end_by_signal(number: int, _: object) -> None:
    sys.exit(128 + number)


def main(scenarios: list[Scenario]) -> None:
    """Plays the scenarios whose sentence holds all the words of the command line, up to the first
    that fails. What the lab lacks is a failure too, never a reason to skip."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_by_signal)
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        sys.exit(f"not ok - tools are missing: {' '.join(missing)}; run tools/install-packages")
    if os.geteuid() != 0:
        sys.exit("not ok - the network lab needs root: it makes network namespaces")
    sweep()
    selected = [one for one in scenarios if all(word in one.sentence for word in sys.argv[1:])]
    if not selected:
        sys.exit("not ok - no scenario has these words: " + " ".join(sys.argv[1:]))
    sys.exit(0 if all(prove(one) for one in selected) else 1)
