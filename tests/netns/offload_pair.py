"""Two hosts with a tunnel between them whose offloads are set, and what shows of it: status, the
packets that pass the links joined, and the log.

      left                                            right
   10.66.0.1 fd66::1                            10.66.0.2 fd66::2      inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 fd77::1 ---------- wire ------- 192.168.77.2 fd77::2   outside

or the wire goes through a router:

   192.168.77.1 ---- 192.168.77.3 router 192.168.78.3 ---- 192.168.78.2
"""
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from lab import Host, Lab, require, run
from packets import (INCOMING, OUTGOING, UNDER_WAY, UNDER_WAY_REFERENCE, Count, Train, carry,
                     faults)
from traffic import Prepare, leave_alone, ping, transfer_tcp
from tunnel import Tunnel, endpoint, introduce, program

Settings = dict[str, bool | int]
ON: Settings = {"offload": True, "gso": True, "gro": True}
SECTION_OF = {"offload": "tun", "queues": "tun", "gso": "udp", "gro": "udp"}
STATE_OFF = {"offload": "off: switched off by tun.offload",
             "gso": "IPv4 off: switched off by udp.gso; IPv6 off: switched off by udp.gso",
             "gro": "off: switched off by udp.gro"}
ACTORS_OF = {"offload": ["tun-writer/0"], "gso": ["udp-sender/0"],
             "gro": ["udp-receiver/v4", "udp-receiver/v6"]}
# What the log has of each batch.
READ, WROTE, RECEIVED = (("tun-reader", "read"), ("tun-writer", "wrote"),
                         ("udp-receiver", "received"))

MTU, MTU_MIN_IPV6 = 1420, 1280
UNDERLAY = 1500
SUPER_PACKET_MAX, TRAIN_MAX = 65535, 65507
DATA_OVERHEAD = 32
OUTER = {4: ("192.168.77.1", "192.168.77.2"), 6: ("fd77::1", "fd77::2")}
BEHIND_ROUTER = {4: "192.168.78.2", 6: "fd78::2"}
OUTER_HEADERS = {4: 28, 6: 48}
MIB = 1 << 20


def toml_of(settings: Settings) -> str:
    lines = ["[log.actors]", *(f'{actor} = "trace"' for actor, _ in (READ, WROTE, RECEIVED))]
    for section in ("tun", "udp"):
        lines.append(f"[{section}]")
        lines += [f"{key} = {str(value).lower()}" for key, value in settings.items()
                  if SECTION_OF[key] == section]
    return "\n".join(lines)


class Pair:
    """The two ends, started and connected; the left one is troupe."""

    def __init__(self, lab: Lab, right: str = "troupe-toml", mtu: int = MTU,
                 underlay: int = UNDERLAY, outer: int = 4,
                 settings: tuple[Settings, Settings] = (ON, ON)) -> None:
        self.mtu, self.underlay, self.outer = mtu, underlay, outer
        self.versions = (4, 6) if mtu >= MTU_MIN_IPV6 else (4,)
        self.under_way = UNDER_WAY if right == "troupe-toml" else UNDER_WAY_REFERENCE
        hosts = lab.host("left"), lab.host("right")
        self.links = self.connect(lab, *hosts)
        self.left, self.right = self.ends = tuple(
            Tunnel(lab, host, kind, [f"10.66.0.{number}/24", f"fd66::{number}/64"]
                   [:len(self.versions)], mtu=mtu)
            for number, (host, kind) in enumerate(zip(hosts, ("troupe-toml", right)), start=1))
        introduce(*self.ends, *(endpoint(address) for address in self.outer_addresses()))
        for tunnel, each in zip(self.ends, settings):
            tunnel.start(toml_of(each))
        # Now the wire is up and a session there: from here on nobody has to send anything twice.
        ping(self.left.host, self.right.inner())

    def connect(self, lab: Lab, left: Host, right: Host) -> tuple[str, str]:
        """The ends' links to the wire."""
        return lab.link(left, right, ["192.168.77.1/24", "fd77::1/64"],
                        ["192.168.77.2/24", "fd77::2/64"], mtu=self.underlay, segments=True)

    def outer_addresses(self) -> tuple[str, str]:
        return OUTER[self.outer]

    def troupes(self) -> list[Tunnel]:
        return [tunnel for tunnel in self.ends if tunnel.implementation == "troupe-toml"]

    def ways(self, *versions: int) -> Iterator[tuple[Tunnel, Tunnel, str]]:
        """Each way, of each version: from, to, and to which address."""
        for version in versions or self.versions:
            for near, far in (self.ends, self.ends[::-1]):
                yield near, far, far.inner(version)

    def transfer(self, octets: int = 4 * MIB, prepare: Prepare = leave_alone,
                 versions: tuple[int, ...] = ()) -> None:
        """TCP both ways at once, of each version."""
        for version in versions or self.versions:
            transfer_tcp(self.left.host, self.right.host, self.right.inner(version), octets,
                         prepare)

    def carry(self, near: Tunnel, far: Tunnel, address: str, sent: list[Train],
              prepare: Prepare = leave_alone) -> None:
        carry(near.host, far.host, address, sent, prepare, self.under_way)

    def require_clean(self, *allowed: str) -> None:
        """No troupe has dropped a packet, but for these reasons, and no kernel got a damaged one.
        """
        # What the hosts send to multicast groups by themselves is for no peer.
        allowed += ("no_peer",)
        for tunnel in self.troupes():
            drops = [each for each in status(tunnel)["drops"] if each["reason"] not in allowed]
            require(not drops, f"{tunnel.host.name} has dropped packets: {drops}")
        for tunnel in self.ends:
            found = faults(tunnel.host)
            require(not found, f"damaged packets came to {tunnel.host.name}: {found}")


def forwarding(host: Host) -> Host:
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        host.sysctl(key, 1)
    return host


class PairAroundRouter(Pair):
    """Behind the router the wire is too narrow for the datagrams."""

    def connect(self, lab: Lab, left: Host, right: Host) -> tuple[str, str]:
        router = forwarding(lab.host("router"))
        near, _ = lab.link(left, router, ["192.168.77.1/24", "fd77::1/64"],
                           ["192.168.77.3/24", "fd77::3/64"], segments=True)
        _, far = lab.link(router, right, ["192.168.78.3/24", "fd78::3/64"],
                          ["192.168.78.2/24", "fd78::2/64"], mtu=MTU_MIN_IPV6, segments=True)
        for host, here, there in ((left, 7, 8), (right, 8, 7)):
            host.ip("route", "add", f"192.168.7{there}.0/24", "via", f"192.168.7{here}.3")
            host.ip("route", "add", f"fd7{there}::/64", "via", f"fd7{here}::3")
        return near, far

    def outer_addresses(self) -> tuple[str, str]:
        return OUTER[self.outer][0], BEHIND_ROUTER[self.outer]


def take_by_way_of_ends(pair: Pair) -> None:
    """Each host has 10.99.0.N and fd99::N, and takes what comes there by way of its address in the
    tunnel: all that the other sends to fd99::N, and to 10.99.0.N what its socket sends so."""
    for number, (near, far) in enumerate(zip(pair.ends, pair.ends[::-1]), start=1):
        targets = [f"10.99.0.{number}/32", f"fd99::{number}/128"]
        near.host.add_addresses("lo", *targets)
        for link in ("all", near.name):
            near.host.sysctl(f"net.ipv4.conf.{link}.accept_source_route", 1)
            near.host.sysctl(f"net.ipv6.conf.{link}.seg6_enabled", 1)
        far.set_peer(near.as_peer(), "allowed-ips",
                     ",".join([*near.as_peer().allowed_ips, *targets]))
        for target, how in zip(targets, ([], ["encap", "seg6", "mode", "inline",
                                              "segs", near.inner(6)])):
            far.host.ip("route", "replace", target, *how, "dev", far.name)


def status(tunnel: Tunnel) -> dict:
    tool = Path(program("troupe")).with_name("troupectl")
    return json.loads(run(str(tool), "-i", tunnel.name, "status", "--json").stdout)


def require_state(tunnel: Tunnel, settings: Settings) -> None:
    """The offloads are as configured, and the kernel has refused none since."""
    # Datagrams that the path takes in fragments only leave singly; the offload is on all the same.
    states = {each["actor"]: re.sub(r"^single datagrams to \d+ whose path takes no trains$", "on",
                                    each["state"]) for each in status(tunnel)["offloads"]}
    expected = {actor: "on" if settings[key] else STATE_OFF[key]
                for key, actors in ACTORS_OF.items() for actor in actors}
    require(states == expected, f"{tunnel.host.name}'s offloads: {states}")


class Joined:
    """A with-block: counts what passes each end of a pair and is longer than any single packet."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.stack = contextlib.ExitStack()
        datagram = pair.mtu + DATA_OVERHEAD + OUTER_HEADERS[pair.outer]
        self.counts = {tunnel: {
            what: self.stack.enter_context(Count(tunnel.host, link, way, longest))
            for what, link, way, longest in (("from the kernel", tunnel.name, OUTGOING, pair.mtu),
                                             ("to the kernel", tunnel.name, INCOMING, pair.mtu),
                                             ("on the wire", wire, OUTGOING, datagram))}
            for tunnel, wire in zip(pair.ends, pair.links)}

    def __enter__(self) -> "Joined":
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def require_some(self, tunnel: Tunnel, what: str) -> None:
        require(self.counts[tunnel][what].packets(),
                f"nothing passed joined {what} at {tunnel.host.name}")

    def require_none(self, tunnel: Tunnel, what: str) -> None:
        count = self.counts[tunnel][what].packets()
        require(count == 0, f"{count} packets passed joined {what} at {tunnel.host.name}")

    def require_as_set(self, tunnel: Tunnel, settings: Settings) -> None:
        """Joined where that is on and two full ones fit into one, and nowhere that is off."""
        datagram = self.pair.mtu + DATA_OVERHEAD
        inside = 2 * (self.pair.mtu - 40) + 40 <= SUPER_PACKET_MAX
        outside = (2 * datagram <= TRAIN_MAX and
                   datagram + OUTER_HEADERS[self.pair.outer] <= self.pair.underlay)
        for what, key, fits in (("from the kernel", "offload", inside),
                                ("to the kernel", "offload", inside),
                                ("on the wire", "gso", outside)):
            if settings[key] and fits:
                self.require_some(tunnel, what)
            if not settings[key]:
                self.require_none(tunnel, what)


def batches(tunnel: Tunnel, stage: tuple[str, str]) -> list[tuple[str, int]]:
    """Of each batch in the log: the actor, and its packets."""
    actor, done = stage
    return [(name, int(packets)) for name, packets in
            re.findall(rf"({actor}/\w+): batch \S+ {done} (\d+) ",
                       tunnel.log.read_text(encoding="utf-8"))]
