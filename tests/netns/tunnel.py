"""A WireGuard interface on a host: the daemon under it, its peers, and its control sockets.

The implementation is a parameter, so that each scenario runs with troupe on either end:
  troupe        trouped IFNAME, configured with wg(8) and ip(8), as wg-quick does
  troupe-toml   trouped --config FILE, which sets addresses and link up by itself
  wireguard-go  the reference
TROUPE_BIN is the folder of trouped; LAB_IMPL=NAME puts NAME in troupe's place, to try the lab.
"""
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from lab import Failure, Host, Lab, require, run, wait_until

ROOT = Path(__file__).resolve().parents[2]
UAPI_FOLDER = Path("/var/run/wireguard")
PORT = 51820
UAPI_TIMEOUT_S = 20.0
# The contract says 0.3 s idle and 1 s under load; tests do not time, they notice a hang.
END_S = 20.0


def program(implementation: str) -> str:
    if implementation == "wireguard-go":
        found = shutil.which("wireguard-go")
    else:
        found = shutil.which(str(Path(os.environ.get("TROUPE_BIN", ROOT / "build/release/bin"),
                                      "trouped")))
    if found is None:
        raise Failure(f"{implementation} is not there: build it, or run tools/install-packages")
    return found


def substitute(implementation: str) -> str:
    replaced = os.environ.get("LAB_IMPL")
    return replaced if replaced and implementation.startswith("troupe") else implementation


def new_key() -> str:
    return run("wg", "genkey").stdout.strip()


def new_preshared_key() -> str:
    return run("wg", "genpsk").stdout.strip()


def public_of(private_key: str) -> str:
    return run("wg", "pubkey", text=private_key).stdout.strip()


def endpoint(address: str, port: int = PORT) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass
class Peer:
    public_key: str
    allowed_ips: list[str] = field(default_factory=list)
    endpoint: str | None = None
    preshared_key: str | None = None
    keepalive: int | None = None


@dataclass
class PeerState:
    """A peer's line of `wg show dump`."""
    preshared_key: str
    endpoint: str
    allowed_ips: set[str]
    latest_handshake: int
    rx_bytes: int
    tx_bytes: int
    keepalive: str


def parse_peer(line: str) -> tuple[str, PeerState]:
    key, preshared, where, ips, handshake, received, sent, keepalive = line.split("\t")
    allowed = set() if ips == "(none)" else set(ips.split(","))
    return key, PeerState(preshared, where, allowed, int(handshake), int(received), int(sent),
                          keepalive)


class Uapi:
    """One connection to a UAPI socket, for as many operations as asked."""

    def __init__(self, interface: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(UAPI_TIMEOUT_S)
        self.socket.connect(str(UAPI_FOLDER / f"{interface}.sock"))

    def __enter__(self) -> "Uapi":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, text: str) -> None:
        self.socket.sendall(text.encode())

    def answer(self) -> str:
        """Up to the blank line that ends it, or to the end of the connection."""
        received = b""
        while not received.endswith(b"\n\n"):
            piece = self.socket.recv(1 << 16)
            if not piece:
                break
            received += piece
        return received.decode()

    def ask(self, text: str) -> str:
        self.send(text)
        return self.answer()


def accepts(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(path))
            return True
    except OSError:
        return False


class Tunnel:
    def __init__(self, lab: Lab, host: Host, implementation: str, addresses: list[str],
                 listen_port: int = PORT, mtu: int = 1420) -> None:
        self.lab = lab
        self.host = host
        self.implementation = substitute(implementation)
        self.addresses = addresses
        self.listen_port = listen_port
        self.mtu = mtu
        self.name = lab.interface_name()
        self.private_key = new_key()
        self.public_key = public_of(self.private_key)
        self.peers: list[Peer] = []
        self.process: subprocess.Popen | None = None
        self.program_path: str | None = None  # None: what the implementation's name finds
        self.log_level = "debug"

    # --- configuration as text

    def inner(self, version: int = 4) -> str:
        """The own address inside the tunnel."""
        return next(address.split("/")[0] for address in self.addresses
                    if (":" in address) == (version == 6))

    def as_peer(self, **changes: object) -> Peer:
        """This tunnel as another one's peer: its addresses, each whole."""
        whole = [address.split("/")[0] + ("/128" if ":" in address else "/32")
                 for address in self.addresses]
        return Peer(self.public_key, **{"allowed_ips": whole, **changes})

    def wg_text(self) -> str:
        lines = ["[Interface]", f"PrivateKey = {self.private_key}",
                 f"ListenPort = {self.listen_port}"]
        for peer in self.peers:
            lines += ["[Peer]", f"PublicKey = {peer.public_key}"]
            for key, value in (("PresharedKey", peer.preshared_key), ("Endpoint", peer.endpoint),
                               ("AllowedIPs", ", ".join(peer.allowed_ips)),
                               ("PersistentKeepalive", peer.keepalive)):
                lines += [f"{key} = {value}"] if value else []
        return "\n".join(lines) + "\n"

    def toml_text(self, interface_extra: str = "") -> str:
        quoted = ", ".join(f'"{address}"' for address in self.addresses)
        lines = ["[interface]", f'name = "{self.name}"', f'private_key = "{self.private_key}"',
                 f"listen_port = {self.listen_port}", f"addresses = [{quoted}]",
                 f"mtu = {self.mtu}", interface_extra]
        for number, peer in enumerate(self.peers):
            allowed = ", ".join(f'"{prefix}"' for prefix in peer.allowed_ips)
            lines += ["[[peer]]", f'name = "peer-{number}"', f'public_key = "{peer.public_key}"',
                      f"allowed_ips = [{allowed}]"]
            for key, value in (("endpoint", peer.endpoint), ("preshared_key", peer.preshared_key)):
                lines += [f'{key} = "{value}"'] if value else []
            lines += [f"persistent_keepalive = {peer.keepalive}"] if peer.keepalive else []
        return "\n".join(lines) + "\n"

    def write_toml(self, interface_extra: str = "") -> Path:
        path = self.lab.folder / f"{self.name}.toml"
        path.touch(mode=0o600)
        path.write_text(self.toml_text(interface_extra), encoding="utf-8")
        return path

    # --- the daemon

    @property
    def uapi_path(self) -> Path:
        return UAPI_FOLDER / f"{self.name}.sock"

    @property
    def log(self) -> Path:
        return self.lab.log(f"{self.name}-{self.host.name}")

    def command(self, interface_extra: str = "") -> list[str]:
        """What the daemon's command line says after its options."""
        if self.implementation == "troupe-toml":
            return ["--config", str(self.write_toml(interface_extra))]
        return [self.name]

    def start(self, interface_extra: str = "") -> "Tunnel":
        self.launch("-f", *self.command(interface_extra))
        self.wait_serving()
        if self.implementation != "troupe-toml":
            self.setconf()
            self.bring_up()
        return self

    def launch(self, *arguments: str) -> None:
        """In the foreground, so that the lab holds the process."""
        # With the variable wireguard-go spares us its banner; troupe must do with the option.
        spared = {"WG_PROCESS_FOREGROUND": "1"} if self.implementation == "wireguard-go" else {}
        with open(self.log, "ab") as log:
            path = self.program_path or program(self.implementation)
            self.process = self.host.popen(path, *arguments,
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={**spared, **os.environ,
                                                "LOG_LEVEL": self.log_level})
        self.lab.children.append(self.process)

    def wait_serving(self) -> None:
        def serves() -> bool:
            status = self.process.poll() if self.process else None
            require(status is None, f"the daemon of {self.host.name} ended with {status}")
            return accepts(self.uapi_path) and (self.implementation != "troupe-toml" or
                                                ",UP" in self.host.link_state(self.name))
        wait_until(f"the control socket of {self.host.name} accepts", serves)

    def bring_up(self) -> None:
        """Until packets pass: troupe drops them as long as it has not heard that the link is up,
        and wireguard-go is up from its start."""
        before = self.log.stat().st_size
        self.host.add_addresses(self.name, *self.addresses)
        self.host.ip("link", "set", self.name, "mtu", str(self.mtu), "up")
        for peer in self.peers:
            for prefix in peer.allowed_ips:
                self.host.ip("route", "replace", prefix, "dev", self.name)
        if self.implementation != "wireguard-go":
            heard = f"{self.name} is up".encode()
            wait_until(f"the daemon of {self.host.name} follows its link",
                       lambda: heard in self.log.read_bytes()[before:])

    def signal_and_wait(self, number: int) -> int:
        """The exit status, negative for a signal."""
        require(self.process, "the daemon was never started")
        self.process.send_signal(number)
        return self.wait_ended()

    def wait_ended(self) -> int:
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"the daemon of {self.host.name} runs on after {END_S:g} s") from None

    def stop(self) -> None:
        status = self.signal_and_wait(signal.SIGTERM)
        require(status == 0, f"after SIGTERM the daemon of {self.host.name} ended with {status}")

    # --- wg(8)

    def wg(self, verb: str, *words: str, text: str | None = None,
           fails: bool = False) -> subprocess.CompletedProcess[str]:
        return self.host.run("wg", verb, self.name, *words, text=text, fails=fails)

    def setconf(self) -> None:
        self.wg("setconf", "/dev/stdin", text=self.wg_text())

    def syncconf(self) -> None:
        self.wg("syncconf", "/dev/stdin", text=self.wg_text())

    def set(self, *words: str, text: str | None = None) -> None:
        self.wg("set", *words, text=text)

    def set_peer(self, peer: Peer, *words: str, text: str | None = None) -> None:
        self.set("peer", peer.public_key, *words, text=text)

    def show(self, *words: str) -> str:
        return self.wg("show", *words).stdout

    def state(self) -> dict[str, PeerState]:
        """By public key."""
        return dict(parse_peer(line) for line in self.show("dump").splitlines()[1:])

    def peer_state(self, other: "Tunnel") -> PeerState:
        states = self.state()
        require(other.public_key in states, f"{other.host.name} is no peer of {self.host.name}")
        return states[other.public_key]


def introduce(left: Tunnel, right: Tunnel, left_endpoint: str | None = None,
              right_endpoint: str | None = None, preshared_key: str | None = None) -> None:
    """Makes two tunnels each other's peers; an endpoint is where that side is reached."""
    left.peers.append(right.as_peer(endpoint=right_endpoint, preshared_key=preshared_key))
    right.peers.append(left.as_peer(endpoint=left_endpoint, preshared_key=preshared_key))
