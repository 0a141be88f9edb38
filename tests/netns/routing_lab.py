"""A router that may send everything into the tunnel, and has a way out beside it.

      left                    gateway                    right
   10.66.0.1 fd66::1                                 10.66.0.2 fd66::2    inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 ------- 192.168.77.9 192.168.78.9 ----- 192.168.78.2      outside
   fd77::1              fd77::9           fd78::9       fd78::2
                                                     203.0.113.7 2001:db8::7, which right alone has
"""
from pathlib import Path

from lab import STATE_FOLDER, Host, Lab, require, wait_until
from traffic import ping, reaches
from tunnel import Tunnel, endpoint, introduce

EVERYTHING = ["0.0.0.0/0", "::/0"]
BEYOND = ("203.0.113.7", "2001:db8::7")
NEIGHBOURS = ("192.168.77.9", "fd77::9")
OWN_MARK = 51820


def kernel(host: Host) -> str:
    """Whatever a daemon may leave of its routing. Neighbours and what an interface brings by itself
    come and go."""
    shown = [host.ip(version, "rule", "show") for version in ("-4", "-6")]
    shown += [host.ip(version, "-N", "route", "show", "table", "all") for version in ("-4", "-6")]
    shown.append(host.run("sysctl", "net.ipv4.conf.all.src_valid_mark").stdout)
    lines = "".join(shown).splitlines()
    return "\n".join(sorted(line for line in lines if "multicast" not in line))


def rules(host: Host, version: str = "-4") -> str:
    return host.ip(version, "rule", "show")


def start(tunnel: Tunnel, extra: str = "") -> None:
    """Until all is set up, rules and post_up too: its sockets accept before."""
    said = tunnel.log.stat().st_size if tunnel.log.exists() else 0
    hook = tunnel.lab.folder / "hook"
    hook.unlink(missing_ok=True)
    if "post_up" not in extra:
        extra = f'{extra}\npost_up = "echo $$ >{hook}"'
    tunnel.start(extra)
    if str(hook) in extra:
        wait_until("post_up runs", lambda: hook.exists() and hook.read_text(encoding="ascii"))
        pid = hook.read_text(encoding="ascii").strip()
        wait_until("post_up has run", lambda: not Path("/proc", pid).exists())
    wait_set_up(tunnel, said)


def wait_set_up(tunnel: Tunnel, said: int = 0) -> None:
    """`said`: how much of its log is older."""
    wait_until("its interface is up", lambda: b" is up, MTU" in tunnel.log.read_bytes()[said:])


class Way:
    """Left, which has a way out by the gateway, and right, which lets everything out."""

    def __init__(self, lab: Lab, version: int = 4) -> None:
        self.lab = lab
        left, gateway, right = (lab.host(name) for name in ("left", "gateway", "right"))
        lab.link(left, gateway, ["192.168.77.1/24", "fd77::1/64"],
                 ["192.168.77.9/24", "fd77::9/64"])
        lab.link(gateway, right, ["192.168.78.9/24", "fd78::9/64"],
                 ["192.168.78.2/24", "fd78::2/64"])
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            gateway.sysctl(key, 1)
        for host, network in ((left, 77), (right, 78)):
            host.ip("-4", "route", "add", "default", "via", f"192.168.{network}.9")
            host.ip("-6", "route", "add", "default", "via", f"fd{network}::9")
        right.add_addresses("lo", *(f"{address}/{32 if '.' in address else 128}"
                                    for address in BEYOND))
        self.left = Tunnel(lab, left, "troupe-toml", ["10.66.0.1/24", "fd66::1/64"])
        self.right = Tunnel(lab, right, "troupe", ["10.66.0.2/24", "fd66::2/64"])
        introduce(self.left, self.right,
                  right_endpoint=endpoint("192.168.78.2" if version == 4 else "fd78::2"))
        self.left.peers[0].allowed_ips = list(EVERYTHING)
        self.right.start()
        require(not any(reaches(left, address) for address in BEYOND), "there is another way")
        self.before = kernel(left)

    def start(self, extra: str = "") -> None:
        start(self.left, extra)

    def require_inside(self) -> None:
        """What is beyond is reached through the tunnel, and what is near without it."""
        for address in (*BEYOND, self.right.inner(), self.right.inner(6)):
            ping(self.left.host, address, count=3)
        before = self.left.peer_state(self.right).tx_bytes
        for address in NEIGHBOURS:
            ping(self.left.host, address, count=5)
        sent = self.left.peer_state(self.right).tx_bytes - before
        require(sent < 5 * 64, f"{sent} octets went into the tunnel for what is near")

    def require_as_before(self) -> None:
        after = kernel(self.left.host)
        require(after == self.before, f"{self.before}\n--- became\n{after}")
        folder = STATE_FOLDER / self.left.name
        require(not folder.exists(), f"left on disk: {list(folder.glob('*'))}")
