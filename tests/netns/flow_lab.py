"""What a daemon tells of its flow, whether its books balance, and a pair whose wire can be choked.

      left                                            right
   10.66.0.1                                         10.66.0.2         inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 ------------------ wire ------------ 192.168.77.2      outside
"""
import json
import re
import socket
import time
from pathlib import Path
from typing import NamedTuple

from lab import Lab, require, run, wait_until
from traffic import ping
from tunnel import Tunnel, endpoint, introduce, program

OUTSIDE = ("192.168.77.1", "192.168.77.2")
OUTSIDE_IPV6 = ("fd77::1", "fd77::2")
INSIDE = ("10.66.0.1", "10.66.0.2")
MIB = 1 << 20
# messages/limits.hpp
TRANSMIT_SLAB, RECEIVE_SLAB = 128 << 10, 16 << 16
PACKETS_PER_SLAB, DATAGRAMS_PER_SLAB, SLABS_OF_RESERVE = 256, 16 * 64, 32
# What a daemon may have besides packets: programs, libraries, peers.
MEMORY_BESIDE = 16 * MIB
ADMIN_FOLDER = Path("/run/troupe")

# --- What a daemon tells


def tool(name: str) -> str:
    return str(Path(program("troupe")).with_name(name))


def ask(tunnel: Tunnel, method: str) -> dict:
    """Over the socket, as troupectl does, but without its pause for rates."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(ADMIN_FOLDER / f"{tunnel.name}.sock"))  # However many wait before it.
        client.settimeout(20)
        client.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode() + b"\n")
        with client.makefile("rb") as answer:
            return json.loads(answer.readline())["result"]


def flow_table(tunnel: Tunnel) -> str:
    """What troupectl prints."""
    return run(tool("troupectl"), "-i", tunnel.name, "flow").stdout


class Flow:
    """One answer to `flow`."""

    def __init__(self, tunnel: Tunnel) -> None:
        self.who = tunnel.host.name
        self.told = ask(tunnel, "flow")
        self.tunnel: dict = self.told["tunnel"]
        self.edges: list[dict] = self.told["edges"]

    def packets(self, actor: str) -> int:
        """Over all actors of the kind."""
        return sum(stage["packets"] for stage in self.told["stages"]
                   if stage["actor"].startswith(actor))

    def drops(self, *stages: str, without: tuple[str, ...] = ()) -> int:
        return sum(drop["count"] for drop in self.told["drops"]
                   if (not stages or drop["stage"] in stages) and drop["reason"] not in without)

    def reasons(self, named: bool | None = None) -> set[str]:
        """Why packets were dropped; only those of a peer that is, or is not, named."""
        return {drop["reason"] for drop in self.told["drops"]
                if named is None or (drop["peer"] is not None) == named}

    def kernel_drops(self, name: str = "") -> int:
        return sum(each["kernel_drops"] for each in self.told["sockets"]
                   if each["name"].startswith(name))

    def counts(self) -> dict[str, int]:
        """Whatever only grows."""
        own = {key: value for key, value in self.tunnel.items() if isinstance(value, int) and
               not key.endswith("_ns") and key != "wake_ups"}
        return {**own, "dropped": self.drops(),
                **{stage["actor"]: stage["packets"] for stage in self.told["stages"]}}

    def on_its_way(self) -> str:
        """What is out or held, in words; empty when nothing is."""
        out = [f"{edge['from']} has {edge['slabs_out']} slabs and {edge['out_bytes']} octets out"
               for edge in self.edges if edge["slabs_out"] or edge["out_bytes"]]
        held = [f"{stage['actor']} holds {stage['held_bytes']} octets"
                for stage in self.told["stages"] if stage["held_bytes"]]
        return "; ".join(out + held)


# --- The books

def require_equal(where: str, left: tuple[str, int], right: tuple[str, int]) -> None:
    require(left[1] == right[1],
            f"{where}: {left[0]} is {left[1]}, but {right[0]} is {right[1]}")


def require_tunnel_balanced(flow: Flow) -> None:
    """TUNNEL tells all of these in one moment, so they add up under load as well."""
    own = flow.tunnel
    require_equal(flow.who, ("read", own["read"]),
                  ("sealed + released + waiting + dropped",
                   own["sealed"] + own["released"] + own["waiting"] + flow.drops("send")))
    require_equal(flow.who, ("received", own["received"]),
                  ("delivered + keepalives + handshakes + dropped",
                   own["delivered"] + own["keepalives"] + own["handshakes"] +
                   flow.drops("receive", "handshake")))


class Passage(NamedTuple):
    """From one actor to the next: what the one gave, what the other has done with it, and how many
    may be between."""
    name: str
    given: int
    taken: int
    under_way: int


def passages(flow: Flow) -> list[Passage]:
    own = flow.tunnel
    reading, receiving = (sum(edge["slabs"] for edge in flow.edges if edge["from"].startswith(kind))
                          for kind in ("tun-reader", "udp-receiver"))
    out, inward = reading * PACKETS_PER_SLAB, receiving * DATAGRAMS_PER_SLAB
    originated = SLABS_OF_RESERVE * PACKETS_PER_SLAB
    return [Passage("tun-reader -> tunnel", flow.packets("tun-reader"), own["read"], out),
            Passage("tunnel -> udp-sender", own["sealed"] + own["datagrams_made"],
                    flow.packets("udp-sender") + flow.drops("udp_send"), out + originated),
            Passage("udp-receiver -> tunnel", flow.packets("udp-receiver"), own["received"],
                    inward),
            Passage("tunnel -> tun-writer", own["delivered"] + own["packets_made"],
                    flow.packets("tun-writer") + flow.drops("tun_write"), inward + originated)]


def require_balanced_under_load(earlier: Flow, later: Flow) -> None:
    """The actors answer one after the other, so what one has given is compared with what the next
    had taken in another answer: nothing is taken before it was given, and what was given before is
    taken or still under way."""
    for flow in (earlier, later):
        require_tunnel_balanced(flow)
    for before, after in zip(passages(earlier), passages(later)):
        where = f"{later.who}, {before.name}"
        require(before.taken <= after.given,
                f"{where}: {before.taken} were taken, and later {after.given} given")
        require(after.taken >= before.given - before.under_way,
                f"{where}: {before.given} were given, and later {after.taken} taken, though at "
                f"most {before.under_way} can be under way")


def at_rest(tunnel: Tunnel) -> Flow:
    """As soon as two answers in a row tell the same and nothing is on its way."""
    def resting() -> Flow | None:
        first = Flow(tunnel)
        time.sleep(0.3)
        second = Flow(tunnel)
        same = first.counts() == second.counts() and not second.on_its_way()
        return second if same else None
    return wait_until(f"{tunnel.host.name} is at rest", resting)


def require_balanced(tunnel: Tunnel) -> Flow:
    flow = at_rest(tunnel)
    require_tunnel_balanced(flow)
    for passage in passages(flow):
        require_equal(f"{flow.who}, {passage.name}", ("given", passage.given),
                      ("taken", passage.taken))
    return flow


def peak_memory(tunnel: Tunnel) -> int:
    status = Path(f"/proc/{tunnel.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) << 10


def require_memory(*tunnels: Tunnel) -> None:
    """None has ever used more than what packets may occupy, and what it needs besides."""
    for tunnel in tunnels:
        peak = peak_memory(tunnel)
        most = ask(tunnel, "flow")["bound_bytes"] + MEMORY_BESIDE
        require(peak <= most, f"{tunnel.host.name} has used {peak / MIB:.1f} MiB of memory, and "
                              f"{most / MIB:.1f} MiB are the most")


def require_no_drops(before: Flow, after: Flow) -> None:
    """None inside. What a host sends to multicast groups by itself is for no peer."""
    was, now = (flow.drops(without=("no_peer",)) for flow in (before, after))
    require(was == now, f"{after.who} has dropped {now - was} packets: {after.told['drops']}")


# --- Hosts


class SetTunnel(Tunnel):
    """A tunnel that has the same settings beside its interface's whenever it is started."""
    settings = ""

    def start(self, interface_extra: str = "") -> "SetTunnel":
        super().start(interface_extra or self.settings)
        return self


class Pair:
    """The two ends, each other's peers over IPv4 or IPv6. Without `segments` the wire is as in
    Lab.link."""

    def __init__(self, lab: Lab, settings: str = "", segments: bool = True,
                 outer: int = 4) -> None:
        hosts = lab.host("left"), lab.host("right")
        self.links = lab.link(*hosts, *([f"{old}/24", f"{new}/64"]
                                        for old, new in zip(OUTSIDE, OUTSIDE_IPV6)),
                              segments=segments)
        self.left, self.right = self.ends = tuple(
            SetTunnel(lab, host, "troupe-toml", [f"{address}/24"])
            for host, address in zip(hosts, INSIDE))
        introduce(*self.ends, *(endpoint(address)
                                for address in (OUTSIDE if outer == 4 else OUTSIDE_IPV6)))
        for tunnel in self.ends:
            tunnel.settings = settings

    def start(self) -> "Pair":
        """Until there is a session."""
        for tunnel in self.ends:
            tunnel.start()
        ping(self.left.host, INSIDE[1])
        return self


class Choke:
    """A with-block: what leaves a host for its neighbour takes for ever, until it is freed. The
    queue there has room for more than a socket's send buffer, so nothing is lost in it, and the
    socket blocks."""
    SLOW = ("rate", "8kbit", "burst", "2kb", "limit", "100mb")
    FAST = ("rate", "100gbit", "burst", "10mb", "limit", "100mb")

    def __init__(self, near: Tunnel, far: Tunnel) -> None:
        self.host, self.link = near.host, f"to-{far.host.name}"
        self.neighbour = OUTSIDE[INSIDE.index(far.inner())]
        self.bell = self.host.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self) -> "Choke":
        self.host.run("tc", "qdisc", "add", "dev", self.link, "root", "tbf", *self.SLOW)
        return self

    def __exit__(self, *_: object) -> None:
        self.free()
        self.bell.close()
        self.host.run("tc", "qdisc", "del", "dev", self.link, "root")

    def free(self) -> int:
        """When, in nanoseconds of the real-time clock. A kernel does not look at the queue when its
        rate changes, but when its timer ends, here in seconds, or another packet is sent."""
        self.host.run("tc", "qdisc", "change", "dev", self.link, "root", "tbf", *self.FAST)
        now = time.time_ns()
        self.bell.sendto(b"", (self.neighbour, 9))
        return now
