"""What is measured: two hosts on a wire, with a tunnel of some kind between them, or none.

A system is named NAME or NAME:KEY=VALUE,..., the latter to take one thing away from troupe:
  veth                  the wire itself
  wireguard-go          the one on PATH, or --wireguard-go FILE
  troupe                as configured when nothing is configured
  troupe:aead=libsodium, offload=false, gso=false, gro=false, queues=N, cpu=none
  troupe:bin=FOLDER     another build, to see what a change is worth
"""
import base64
import os
import shutil
import subprocess
from pathlib import Path

from lab import Failure, Host, Lab, run
from tunnel import Tunnel, endpoint, introduce

OUTSIDE = ("192.168.77.1", "192.168.77.2")
INSIDE = ("10.66.0.1", "10.66.0.2")
SECTION_OF = {"offload": "tun", "queues": "tun", "gso": "udp", "gro": "udp", "cpu": "tunnel",
              "aead": "tunnel"}


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
                      f"AllowedIPs = 10.{100 + number // 65536}.{number // 256 % 256}."
                      f"{number % 256}/32"]
        for tunnel in self.tunnels:
            tunnel.wg("addconf", "/dev/stdin", text="\n".join(lines))

    def daemons(self) -> list[int]:
        return [tunnel.process.pid for tunnel in self.tunnels if tunnel.process]


def version_of(system: str, wireguard_go: str | None) -> str:
    """What is measured under this name, for the report."""
    kind = system.partition(":")[0]
    if kind == "veth":
        return "the kernel's veth"
    if "bin=" in system:
        return "another build"
    if kind == "troupe":
        root = Path(__file__).resolve().parents[2]
        described = run("git", "-C", str(root), "describe", "--always", "--dirty", fails=True)
        return f"troupe {described.stdout.strip() or 'of unknown commit'}"
    program = wireguard_go or shutil.which("wireguard-go") or "wireguard-go"
    found = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    package = run("dpkg-query", "-W", "-f", "${Version}", "wireguard-go", fails=True).stdout
    first = found.stdout.splitlines()[0] if found.stdout else "wireguard-go of unknown version"
    return first if wireguard_go else f"{first} (package {package or 'unknown'})"

