"""What is measured: two hosts on a wire, with a tunnel of some kind between them, or none.

A system is named NAME or NAME:KEY=VALUE,..., the latter to take one thing away from troupe:
  veth                  the wire itself
  wireguard-go          the one on PATH, or --wireguard-go FILE
  troupe                as configured when nothing is configured
  troupe:aead=libsodium, offload=false, gso=false, gro=false, queues=N, cpu=none, window=OCTETS,
         target_delay=TIME, queue_length=N, receive_buffer=OCTETS
  troupe:bin=FOLDER     another build, to see what a change is worth
"""
import base64
import hashlib
import ipaddress
import os
from pathlib import Path

from lab import Failure, Host, Lab, run
from tunnel import Tunnel, endpoint, introduce

OUTSIDE = ("192.168.77.1", "192.168.77.2")
INSIDE = ("10.66.0.1", "10.66.0.2")
# Beside those of the peer that carries: no address in a trie is farther from its root than theirs.
FIRST_IDLE = ipaddress.ip_address("10.66.0.3")
SECTION_OF = {"offload": "tun", "queues": "tun", "queue_length": "tun", "gso": "udp", "gro": "udp",
              "receive_buffer": "udp", "cpu": "tunnel", "aead": "tunnel", "window": "credit",
              "target_delay": "credit"}


def toml_value(text: str) -> str:
    return text if text in ("true", "false") or text.isdigit() else f'"{text}"'


class MeasuredTunnel(Tunnel):
    """A tunnel of troupe with settings beyond [interface], or of wireguard-go from anywhere."""

    def __init__(self, lab: Lab, host: Host, kind: str, address: str, settings: dict[str, str],
                 program: str | None) -> None:
        super().__init__(lab, host, kind, [f"{address}/24"])
        self.settings = {key: value for key, value in settings.items() if key != "bin"}
        self.program_path = str(Path(settings["bin"], "trouped")) if "bin" in settings else program
        self.log_level = "error"

    def toml_text(self, interface_extra: str = "") -> str:
        sections: dict[str, list[str]] = {"log": ['level = "error"']}
        for key, value in self.settings.items():
            sections.setdefault(SECTION_OF[key], []).append(f"{key} = {toml_value(value)}")
        extra = "\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections.items())
        return super().toml_text(f"{interface_extra}\n{extra}")


class System:
    """A with-block: the two hosts, connected."""

    def __init__(self, name: str, wireguard_go: str | None, veth_gso: bool,
                 extra_peers: int = 0) -> None:
        self.name = name
        kind, _, settings = name.partition(":")
        if kind not in ("veth", "wireguard-go", "troupe"):
            raise Failure(f"there is no system {name}; there are veth, wireguard-go and troupe")
        self.kind = kind
        self.settings = dict(pair.split("=", 1) for pair in settings.split(",")) if settings else {}
        unknown = set(self.settings) - {*SECTION_OF, "bin"}
        if unknown or (self.settings and kind != "troupe"):
            raise Failure(f"{name}: {kind} has no setting {', '.join(unknown or self.settings)}")
        self.wireguard_go = wireguard_go
        self.veth_gso = veth_gso
        self.extra_peers = extra_peers
        self.idle_peers = 0
        self.tunnels: list[Tunnel] = []

    def __enter__(self) -> "System":
        self.lab = Lab().__enter__()
        try:
            self.connect()
        except BaseException:
            self.lab.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.lab.__exit__()

    def connect(self) -> None:
        self.left, self.right = self.lab.host("left"), self.lab.host("right")
        ends = self.lab.link(self.left, self.right, [f"{OUTSIDE[0]}/24"], [f"{OUTSIDE[1]}/24"],
                             segments=self.veth_gso)
        self.target, self.near = OUTSIDE[1], OUTSIDE[0]
        self.device = ends[0]
        if self.kind == "veth":
            return
        program = self.wireguard_go if self.kind == "wireguard-go" else None
        kind = "troupe-toml" if self.kind == "troupe" else self.kind
        for host, inside in zip((self.left, self.right), INSIDE):
            self.tunnels.append(
                MeasuredTunnel(self.lab, host, kind, inside, self.settings, program))
        introduce(*self.tunnels, left_endpoint=endpoint(OUTSIDE[0]),
                  right_endpoint=endpoint(OUTSIDE[1]))
        for tunnel in self.tunnels:
            tunnel.start()
        self.target, self.near = INSIDE[1], INSIDE[0]
        self.device = self.tunnels[0].name
        if self.extra_peers:
            self.add_idle_peers(self.extra_peers)
        self.left.run("ping", "-c", "1", "-w", "10", self.target)

    def add_idle_peers(self, count: int) -> None:
        """Beside the one that carries: configured, and silent. More, if there are some."""
        first, self.idle_peers = self.idle_peers, self.idle_peers + count
        lines = []
        for number in range(first, self.idle_peers):
            lines += ["[Peer]", f"PublicKey = {base64.b64encode(os.urandom(32)).decode()}",
                      f"AllowedIPs = {FIRST_IDLE + number}/32"]
        for tunnel in self.tunnels:
            tunnel.wg("addconf", "/dev/stdin", text="\n".join(lines))

    def daemons(self) -> list[int]:
        return [tunnel.process.pid for tunnel in self.tunnels if tunnel.process]

    def ended(self) -> list[str]:
        """The daemons that should run and do not, each as a sentence."""
        return [f"the daemon of {tunnel.host.name} ended with {tunnel.process.returncode}"
                for tunnel in self.tunnels if tunnel.process and tunnel.process.poll() is not None]

    def priority(self) -> str | None:
        """Of troupe's thread that carries the packets: it asks for more than it may be given."""
        usual = os.getpriority(os.PRIO_PROCESS, 0)
        found = {os.getpriority(os.PRIO_PROCESS, int(task.name))
                 for pid in self.daemons() for task in Path(f"/proc/{pid}/task").iterdir()
                 if self.kind == "troupe" and task.joinpath("comm").read_text() == "tunnel\n"}
        nice = " and ".join(map(str, sorted(found)))
        return f"TUNNEL runs at nice {nice}, where {usual} is usual" if found else None

    def version(self) -> str:
        """Of the program that runs, whatever has become of its file. What it says of itself need
        not tell two builds apart, and of wireguard-go it is older than the package; the hash does.
        """
        if not self.daemons():
            return "the kernel's veth"
        running = Path(f"/proc/{self.daemons()[0]}/exe")
        said = run(str(running), "--version").stdout.splitlines()[0]
        digest = hashlib.sha256(running.read_bytes()).hexdigest()
        return f"{said}, {package_of(running.readlink())}, SHA-256 {digest[:12]}"


def package_of(program: Path) -> str:
    owner = run("dpkg-query", "-S", str(program), fails=True).stdout.partition(":")[0]
    if not owner:
        return "of no package"
    return run("dpkg-query", "-W", "-f", "package ${Package} ${Version}", owner).stdout
