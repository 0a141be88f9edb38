#!/usr/bin/env python3
"""Offloads change how packets travel, and nothing of what arrives: super-packets of the TUN device
both ways, trains of datagrams on the wire, and whatever cannot be joined between them.

The hosts are those of offload_pair.py; in one scenario others send through them:

   a 10.71.0.2 ---- 10.71.0.1 left == tunnel == right 10.72.0.1 ---- 10.72.0.2 b
"""
import contextlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lab import SANITIZED, Host, Lab, Scenario, main, require, scenario, wait_until
from offload_order import QUEUES, order, order_of_meeting, parallel_tcp
from offload_pair import (MIB, MTU, MTU_MIN_IPV6, ON, RECEIVED, UNDERLAY, Joined, Pair,
                          PairAroundRouter, Settings, batches, forwarding, require_state,
                          take_by_way_of_ends)
from packets import (INCOMING, IPV4_FRAGMENT, IPV4_OPTIONS_OF_4, IPV4_OPTIONS_OF_40, IPV4_ROUTE,
                     IPV4_UDP, IPV4_UDP_NO_CHECKSUM, IPV6_DESTINATION, IPV6_DSTOPTS, IPV6_FRAGMENT,
                     IPV6_HOP_BY_HOP, IPV6_HOPOPTS, IPV6_ROUTE, OUTGOING, Count, Octets, Train,
                     carry, faults, ipv4_options, ipv4_route, ipv6_options, kernel_counts,
                     max_segment, no_checksum, only_at, singles, trains)
from traffic import Prepare, ping, transfer_tcp
from tunnel import Tunnel

# Debian's wireguard-go joins nothing: what one troupe did wrong another one cannot make good.
RIGHTS = ["troupe-toml", "wireguard-go"]
SETTINGS: dict[str, Settings] = {"on": ON, "off": {key: False for key in ON},
                                 **{f"without {key}": {**ON, key: False} for key in ON}}
UNDERLAY_MAX = 65535
MESSAGES_PER_CALL = 16  # In a batch of more datagrams some came joined.
SEGMENTS = 128
HEADERS = {4: 28, 6: 48}  # of IP and UDP


def datagram_trains(mtu: int, version: int) -> list[Train]:
    """Alike and mixed, from nothing to the MTU; one call takes 64 on any kernel."""
    longest = mtu - HEADERS[version]
    generator = random.Random(6)
    shapes = [(64 * each, each) for each in (1, 2, 88, 511, 512)] * 3
    shapes += [(min(40 * each, 60000) - 7, each) for each in (333, longest - 1, longest)] * 3
    for _ in range(20):
        each = generator.randrange(1, longest + 1)
        shapes.append((generator.randrange(1, min(64 * each, 60000)), each))
        shapes += [(length, max(length, 1)) for length in (0, *generator.sample(range(longest), 3))]
    return trains(7, shapes)


def mixed_lengths(longest: int) -> list[Train]:
    """Alike, mixed, and larger than the MTU."""
    generator = random.Random(5)
    return singles(5, [longest] * 100 + [generator.randrange(longest) for _ in range(100)] +
                   [1500, 200, 5000, 20000])


# --- TCP


def tcp(lab: Lab, mtu: int, underlay: int, outer: int, left: str, right: str) -> None:
    """TCP carries data unchanged both ways, joined where that is switched on and nowhere else"""
    settings = SETTINGS[left], SETTINGS[right]
    pair = Pair(lab, mtu=mtu, underlay=underlay, outer=outer, settings=settings)
    with Joined(pair) as joined:
        pair.transfer()
        for tunnel, own, other in zip(pair.ends, settings, settings[::-1]):
            joined.require_as_set(tunnel, own)
            require_state(tunnel, own)
            most = max(packets for _, packets in batches(tunnel, RECEIVED))
            require(own["gro"] or most <= MESSAGES_PER_CALL, f"{tunnel.host.name}: {most} at once")
            if own["gro"] and other["gso"] and mtu <= MTU:
                require(most > MESSAGES_PER_CALL, f"{tunnel.host.name}: at most {most} at once")
    pair.require_clean()


def small_segments(lab: Lab, right: str) -> None:
    """Super-packets of more than 128 segments are carried whole: TCP with an MSS of 88"""
    pair = Pair(lab, right)
    with contextlib.ExitStack() as stack:
        counts = [stack.enter_context(Count(tunnel.host, tunnel.name, OUTGOING,
                                            SEGMENTS * 88 + 100)) for tunnel in pair.troupes()]
        pair.transfer(prepare=max_segment(88))
        # Only for a flow of 100 Mbit/s does a kernel make any.
        require(SANITIZED or all(count.packets() for count in counts), "a kernel has made none")
    pair.require_clean()


def congestion(lab: Lab) -> None:
    """TCP that is told of congestion on the wire carries data unchanged, and hears of it"""
    pair = Pair(lab)
    for tunnel in pair.ends:
        tunnel.host.sysctl("net.ipv4.tcp_ecn", 1)
        # Only what is ECN-capable inside, too: the rest would have to be dropped (RFC 6040).
        tunnel.host.run("nft", "-f", "-", text="table ip marks { chain some {\n"
                        "type filter hook prerouting priority 0\n"
                        "udp dport 51820 ip ecn != not-ect numgen inc mod 20 == 0 ip ecn set ce\n"
                        "}\n}\n")
    pair.transfer(versions=(4,))
    for tunnel in pair.ends:
        require(kernel_counts(tunnel.host)["TcpExtTCPDeliveredCE"],
                f"the TCP of {tunnel.host.name} has not heard of it")
    pair.require_clean()


# --- What is seldom, and what cannot be joined

# Four NOPs; a record of the route, with room for nine addresses.
WITH_OPTIONS: dict[str, tuple[int, Prepare, Octets]] = {
    "NOPs": (4, ipv4_options(bytes([1, 1, 1, 1])), IPV4_OPTIONS_OF_4),
    "record of the route": (4, ipv4_options(bytes([7, 39, 4, *bytes(36), 0])), IPV4_OPTIONS_OF_40),
    "hop-by-hop": (6, ipv6_options(IPV6_HOPOPTS), IPV6_HOP_BY_HOP),
    "destination": (6, ipv6_options(IPV6_DSTOPTS), IPV6_DESTINATION),
    "both": (6, ipv6_options(IPV6_HOPOPTS, IPV6_DSTOPTS), IPV6_HOP_BY_HOP)}


def with_options(lab: Lab, right: str, what: str) -> None:
    """TCP and UDP behind IPv4 options or IPv6 extension headers arrive unchanged"""
    version, prepare, octets = WITH_OPTIONS[what]
    pair = Pair(lab, right)
    with Count(pair.left.host, pair.left.name, OUTGOING, MTU, octets) as joined:
        pair.transfer(prepare=prepare, versions=(version,))
        require(joined.packets(), "no super-packet had them")
    sent = mixed_lengths(1300) + trains(8, [(40 * each, each) for each in (1, 500, 1000)])
    for near, far, address in pair.ways(version):
        with Count(near.host, near.name, OUTGOING, 0, octets) as single:
            pair.carry(near, far, address, sent, prepare)
            require(single.packets() >= len(sent), "not every datagram had them")
    pair.require_clean()


def fragments(lab: Lab, right: str) -> None:
    """Datagrams larger than the MTU arrive whole, and in order between others of their flow"""
    pair = Pair(lab, right)
    for near, far, address in pair.ways():
        largest, octets = (65487, IPV6_FRAGMENT) if ":" in address else (65507, IPV4_FRAGMENT)
        lengths = [MTU, 1500, 200, 2800, 200, 200, 9000, 1000, 1000, 30000, 0, largest, 1] * 4
        with Count(near.host, near.name, OUTGOING, 0, octets) as seen:
            pair.carry(near, far, address, singles(3, lengths))
            require(seen.packets() > 4 * largest // MTU, "there were no fragments")
        if ":" not in address:
            pair.carry(near, far, address, singles(3, lengths), no_checksum)
    pair.require_clean()


def without_checksum(lab: Lab, right: str) -> None:
    """UDP without checksums arrives unchanged and in order, joined or not"""
    pair = Pair(lab, right)
    for near, far, address in pair.ways(4):
        sent = mixed_lengths(MTU - HEADERS[4])[:-4]
        with Count(near.host, near.name, OUTGOING, 0, IPV4_UDP_NO_CHECKSUM) as bare, \
                Joined(pair) as joined:
            pair.carry(near, far, address, sent, no_checksum)
            require(bare.packets() == len(sent), "they had checksums")
            if far in pair.troupes():
                joined.require_some(far, "to the kernel")
    pair.require_clean()


def sent_joined(lab: Lab, right: str, mtu: int) -> None:
    """Datagrams sent joined arrive one by one, whole and in order, equal or of mixed length"""
    pair = Pair(lab, right, mtu=mtu)
    for near, far, address in pair.ways():
        with Joined(pair) as joined:
            pair.carry(near, far, address, datagram_trains(mtu, 6 if ":" in address else 4))
            for tunnel in pair.troupes():
                joined.require_some(tunnel, "from the kernel" if tunnel is near
                                    else "to the kernel")
    pair.require_clean()


CHECKSUMS = {(4, "with checksums"): ["udpcsum"], (4, "without"): ["noudpcsum"],
             (6, "with checksums"): ["noudp6zerocsumtx", "noudp6zerocsumrx"],
             (6, "without"): ["udp6zerocsumtx", "udp6zerocsumrx"]}


def add_overlay(pair: Pair, version: int, checksums: str) -> None:
    """A VXLAN between the two hosts, inside the tunnel: 10.88.0.N and fd88::N."""
    for number, tunnel in enumerate(pair.ends, start=1):
        tunnel.host.ip("link", "add", "overlay", "mtu", str(MTU - 70), "type", "vxlan", "id", "7",
                       "local", tunnel.inner(version), "dstport", "4789",
                       *CHECKSUMS[version, checksums])
        tunnel.host.add_addresses("overlay", f"10.88.0.{number}/24", f"fd88::{number}/64")
        tunnel.host.ip("link", "set", "overlay", "up")
    # Only now: each speaks at once, and one that is not up yet takes no zero checksum for right.
    for near, far in (pair.ends, pair.ends[::-1]):
        near.host.ip("link", "set", "overlay", "type", "vxlan", "id", "7",
                     "remote", far.inner(version))


def vxlan(lab: Lab, right: str, version: int, checksums: str) -> None:
    """TCP and UDP inside VXLAN inside the tunnel arrive unchanged"""
    pair = Pair(lab, right)
    add_overlay(pair, version, checksums)
    hosts = pair.left.host, pair.right.host
    with Count(hosts[0], pair.left.name, OUTGOING, 0, IPV4_UDP_NO_CHECKSUM) as bare, \
            Count(hosts[0], pair.left.name, INCOMING, MTU, IPV4_UDP) as joined:
        for near, far, address in ((*hosts, "10.88.0.2"), (*hosts[::-1], "fd88::1")):
            transfer_tcp(near, far, address, 4 * MIB)
            carry(near, far, address, mixed_lengths(1200), under_way=pair.under_way)
        if version == 4:
            require(bool(bare.packets()) == (checksums == "without"), "it has checksums, or none")
            require(joined.packets(), "no datagrams of the overlay were joined")
    pair.require_clean()


# --- Source routes


def require_routed(pair: Pair, near: Tunnel, octets: Octets, play: Callable[[], None]) -> None:
    """As super-packets, where the host makes any."""
    with Count(near.host, near.name, OUTGOING, 0, octets) as single, \
            Count(near.host, near.name, OUTGOING, pair.mtu, octets) as joined:
        play()
        require(single.packets(), "nothing had a route")
        require(joined.packets() or near not in pair.troupes(), "no super-packet had a route")
    pair.require_clean()


def source_routes(lab: Lab, right: str) -> None:
    """What is sent by way of a hop arrives unchanged: its checksum has the target's address, and
    its IP header the hop's"""
    pair = Pair(lab, right)
    take_by_way_of_ends(pair)
    octets = MIB // 4  # Few: where every super-packet got lost TCP would go on, and take for ever.
    for number, (near, far) in enumerate(zip(pair.ends, pair.ends[::-1])):
        hosts, v4, v6 = (near.host, far.host), f"10.99.0.{2 - number}", f"fd99::{2 - number}"
        by_way = only_at(near.host, ipv4_route(far.inner()))
        # No UDP: there the kernel has the hop's address in the checksum.
        require_routed(pair, near, IPV4_ROUTE, lambda: transfer_tcp(*hosts, v4, octets, by_way))
        require_routed(pair, near, IPV6_ROUTE, lambda: transfer_tcp(*hosts, v6, octets))
        # The kernel drops trains with a route where the device takes none.
        sent = mixed_lengths(1300) + (datagram_trains(MTU - 40, 6) if near in pair.troupes()
                                      else [])
        require_routed(pair, near, IPV6_ROUTE,
                       lambda: carry(*hosts, v6, sent, under_way=pair.under_way))


# --- Changes on the way


def while_it_carries(pair: Pair, change: Callable[[], None]) -> None:
    """TCP both ways, whose content stays right, from before the change to after it."""
    changed = threading.Event()

    def transfers() -> None:
        last = False
        while not last:
            last = changed.is_set()
            pair.transfer(2 * MIB)
    with ThreadPoolExecutor(1) as pool:
        before = pair.left.peer_state(pair.right).tx_bytes
        work = pool.submit(transfers)
        try:
            wait_until("data is under way", lambda: pair.left.peer_state(
                pair.right).tx_bytes > before + MIB)
            change()
        finally:
            changed.set()
        work.result()


def carry_trains(pair: Pair) -> None:
    for near, far, address in pair.ways():
        sent = datagram_trains(MTU, 6 if ":" in address else 4)
        pair.carry(near, far, address, sent[:30] + mixed_lengths(1300))


CHANGES: dict[str, Callable[[Host, str], object]] = {
    "narrow": lambda host, link: host.ip("link", "set", link, "mtu", str(MTU_MIN_IPV6)),
    "without segmentation": lambda host, link: host.run("ethtool", "-K", link,
                                                        "tx-udp-segmentation", "off"),
    "without checksums": lambda host, link: host.run("ethtool", "-K", link, "tx", "off")}


def changed_wire(lab: Lab, what: str, outer: int) -> None:
    """When the wire takes trains no longer everything is carried without, and nothing dropped"""
    pair = Pair(lab, outer=outer)

    def change() -> None:
        for tunnel, link in zip(pair.ends, pair.links):
            CHANGES[what](tunnel.host, link)
    with Joined(pair) as joined:
        while_it_carries(pair, change)
        for tunnel in pair.ends:
            joined.require_some(tunnel, "on the wire")
    with Joined(pair) as joined:
        pair.transfer()
        carry_trains(pair)
        for tunnel in pair.ends:
            joined.require_none(tunnel, "on the wire")
            require_state(tunnel, ON)
    pair.require_clean()


def resized_tunnel(lab: Lab) -> None:
    """Super-packets are carried whatever becomes of the tunnel's MTU meanwhile"""
    pair = Pair(lab, underlay=UNDERLAY_MAX)
    for mtu in (9000, 1300, 34736, MTU_MIN_IPV6, MTU):
        def change() -> None:
            for tunnel in pair.ends:
                tunnel.host.ip("link", "set", tunnel.name, "mtu", str(mtu))
        while_it_carries(pair, change)
    carry_trains(pair)
    # A larger MTU is known a little after the kernel begins to use it (tun/queue.hpp).
    pair.require_clean("oversize_packet")


def narrow_path(lab: Lab, outer: int) -> None:
    """On a path that a router knows to be too narrow for the datagrams everything is carried"""
    pair = PairAroundRouter(lab, outer=outer)
    pair.transfer()
    carry_trains(pair)
    pair.require_clean()


def routed(lab: Lab, right: str) -> None:
    """What others send through the two hosts arrives unchanged, joined or not"""
    pair = Pair(lab, right)
    others = lab.host("a"), lab.host("b")
    for number, (near, far, other) in enumerate(
            zip(pair.ends, pair.ends[::-1], others), start=1):
        lab.link(other, forwarding(near.host), [f"10.7{number}.0.2/24", f"fd7{number}:1::2/64"],
                 [f"10.7{number}.0.1/24", f"fd7{number}:1::1/64"], mtu=MTU, segments=True)
        other.ip("route", "add", "default", "via", f"10.7{number}.0.1")
        other.ip("route", "add", "default", "via", f"fd7{number}:1::1")
        behind = [f"10.7{3 - number}.0.0/24", f"fd7{3 - number}:1::/64"]
        near.set_peer(far.as_peer(), "allowed-ips",
                      ",".join([*far.as_peer().allowed_ips, *behind]))
        for prefix in behind:
            near.host.ip("route", "replace", prefix, "dev", near.name)
    with Joined(pair) as joined:
        for address in ("10.72.0.2", "fd72:1::2"):
            ping(others[0], address)
            transfer_tcp(*others, address, 4 * MIB)
            transfer_tcp(*others, address, MIB, max_segment(88))
        for tunnel in pair.troupes():
            joined.require_some(tunnel, "from the kernel")
            joined.require_some(tunnel, "to the kernel")
    for near, far, addresses in ((*others, ("10.72.0.2", "fd72:1::2")),
                                 (*others[::-1], ("10.71.0.2", "fd71:1::2"))):
        for address, version in zip(addresses, (4, 6)):
            carry(near, far, address, datagram_trains(MTU, version), under_way=pair.under_way)
        carry(near, far, addresses[0], mixed_lengths(1200), no_checksum, pair.under_way)
    for other in others:
        require(not faults(other), f"damaged packets came to {other.name}: {faults(other)}")
    pair.require_clean()


def scenarios() -> list[Scenario]:
    found = []
    for mtu, underlay in ((576, UNDERLAY), (MTU_MIN_IPV6, UNDERLAY), (MTU, UNDERLAY),
                          (9000, UNDERLAY), (9000, UNDERLAY_MAX), (34736, UNDERLAY),
                          (34736, UNDERLAY_MAX)):
        found += [scenario(tcp, mtu, underlay, 4, "on", right) for right in ("on", "off")]
    found += [scenario(tcp, MTU, UNDERLAY, 6, "on", right) for right in ("on", "off")]
    found += [scenario(tcp, MTU, UNDERLAY, 4, f"without {key}", "on") for key in ON]
    for right in RIGHTS:
        found += [scenario(play, right) for play in (small_segments, fragments, without_checksum,
                                                     source_routes, routed)]
        found += [scenario(with_options, right, what) for what in WITH_OPTIONS]
        found.append(scenario(sent_joined, right, MTU))
        found += [scenario(vxlan, right, *how) for how in CHECKSUMS]
    found += [scenario(sent_joined, "troupe-toml", mtu) for mtu in (576, 9000)]
    found += [scenario(play, *queues) for play in (order, parallel_tcp) for queues in QUEUES]
    found.append(scenario(order_of_meeting, 4))
    for outer in (4, 6):
        found += [scenario(changed_wire, what, outer) for what in CHANGES]
        found.append(scenario(narrow_path, outer))
    return [*found, scenario(congestion), scenario(resized_tunnel)]


if __name__ == "__main__":
    main(scenarios())
