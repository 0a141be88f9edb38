#!/usr/bin/env python3
"""Two routers on one wire: troupe with troupe, and troupe with wireguard-go in either role.

      left                                            right
   10.66.0.1 fd66::1                            10.66.0.2 fd66::2      inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 fd77::1 ---------- wire ------- 192.168.77.2 fd77::2   outside
"""
import errno
import os
import socket
import time

from lab import Host, Lab, Scenario, main, require, scenario, wait_until
from traffic import echo_packets, ping, reaches, transfer_tcp
from tunnel import Tunnel, endpoint, introduce, new_preshared_key
from wire import DATA, INITIATION, RESPONSE, Tap, oddly_long

PAIRS = [("troupe", "troupe"), ("troupe", "wireguard-go"), ("wireguard-go", "troupe"),
         ("troupe-toml", "wireguard-go"), ("wireguard-go", "troupe-toml")]
OUTER = {4: ("192.168.77.1", "192.168.77.2"), 6: ("fd77::1", "fd77::2")}
MTU = 1420
BIG_MTU = 34736
UNDERLAY_MTU_MAX = 65535
HANDSHAKE_CLASS = 0x88
IP_RECVERR, IPV6_RECVERR = 11, 25


class Pair:
    """The two ends, started; only the left one knows where the other is, so it initiates."""

    def __init__(self, lab: Lab, kinds: tuple[str, str], outer: int = 4, mtu: int = MTU,
                 preshared_key: str | None = None) -> None:
        hosts = lab.host("left"), lab.host("right")
        self.link, _ = lab.link(*hosts, ["192.168.77.1/24", "fd77::1/64"],
                                ["192.168.77.2/24", "fd77::2/64"],
                                mtu=1500 if mtu == MTU else UNDERLAY_MTU_MAX)
        self.left, self.right = (
            Tunnel(lab, host, kind, [f"10.66.0.{number}/24", f"fd66::{number}/64"], mtu=mtu)
            for number, (host, kind) in enumerate(zip(hosts, kinds), start=1))
        introduce(self.left, self.right, right_endpoint=endpoint(OUTER[outer][1]),
                  preshared_key=preshared_key)
        self.right.start()
        self.left.start()

    def tap(self) -> Tap:
        return Tap(self.left.host, self.link)


def handshake(lab: Lab, initiator: str, responder: str, outer: int) -> None:
    """One initiation and one response, then data in both directions, inside IPv4 and IPv6"""
    pair = Pair(lab, (initiator, responder), outer)
    with pair.tap() as tap:
        for version in (4, 6):
            ping(pair.left.host, pair.right.inner(version), count=3)
            ping(pair.right.host, pair.left.inner(version), count=3)
        wait_until("all pings on the tap", lambda: len(tap.of_kind(DATA)) >= 24)
    shown = [(message.kind, message.source) for message in tap.handshakes()]
    near, far = OUTER[outer]
    require(shown == [(INITIATION, near), (RESPONSE, far)], f"handshake messages: {shown}")
    require(tap.passed[:2] == tap.handshakes(), "data passed before the handshake was complete")
    odd = oddly_long(tap.passed, MTU)
    require(not odd, f"message lengths {odd}")


def both_ends_agree(lab: Lab, initiator: str, responder: str) -> None:
    """Both ends show the handshake's time and count the same octets"""
    pair = Pair(lab, (initiator, responder))
    ping(pair.left.host, pair.right.inner(), count=5)

    def agree() -> bool:
        near, far = pair.left.peer_state(pair.right), pair.right.peer_state(pair.left)
        return near.rx_bytes == far.tx_bytes > 0 and near.tx_bytes == far.rx_bytes > 0
    wait_until("the octets sent are those received", agree)
    for one, other in ((pair.left, pair.right), (pair.right, pair.left)):
        age = time.time() - one.peer_state(other).latest_handshake
        require(-2 <= age <= 30, f"{one.host.name}: the latest handshake was {age:.0f} s ago")
    where = pair.right.peer_state(pair.left).endpoint
    require(where == endpoint(OUTER[4][0]), f"the responder learnt the endpoint {where}")


def preshared_key(lab: Lab, initiator: str, responder: str) -> None:
    """A preshared key on both sides lets traffic pass, and none on one side stops it"""
    pair = Pair(lab, (initiator, responder), preshared_key=new_preshared_key())
    transfer_tcp(pair.left.host, pair.right.host, pair.right.inner(), octets=1 << 20)
    pair.right.set_peer(pair.left.as_peer(), "preshared-key", "/dev/null")
    pair.left.set_peer(pair.right.as_peer(), "remove")
    pair.left.setconf()
    require(not reaches(pair.left.host, pair.right.inner()), "answered without the preshared key")


def every_size(lab: Lab, initiator: str, responder: str) -> None:
    """A packet of every length from a bare header to the MTU arrives unchanged and padded"""
    pair = Pair(lab, (initiator, responder))
    ping(pair.left.host, pair.right.inner())
    with pair.tap() as tap:
        for version, header in ((4, 20), (6, 40)):
            echo_packets(pair.left.host, pair.right.host, pair.left.inner(version),
                         pair.right.inner(version), range(header, MTU + 1))
        packets = 2 * (MTU + 1 - 20 + MTU + 1 - 40)
        wait_until("all packets on the tap", lambda: len(tap.of_kind(DATA)) >= packets)
    odd = oddly_long(tap.passed, MTU)
    require(not odd, f"message lengths {odd[:10]}")
    longest = max(message.length for message in tap.of_kind(DATA))
    require(longest == MTU + 32, f"the longest message has {longest} octets")


def big_mtu(lab: Lab, initiator: str, responder: str) -> None:
    """An MTU of 34736 carries packets of any length and TCP on an underlay of 65535"""
    pair = Pair(lab, (initiator, responder), mtu=BIG_MTU)
    lengths = [20, 1420, 1421, 16384, 32767, 32768, 34720, 34735, 34736]
    with pair.tap() as tap:
        echo_packets(pair.left.host, pair.right.host, pair.left.inner(), pair.right.inner(),
                     lengths)
        wait_until("all packets on the tap", lambda: len(tap.of_kind(DATA)) >= 2 * len(lengths))
    odd = oddly_long(tap.passed, BIG_MTU)
    require(not odd, f"message lengths {odd}")
    transfer_tcp(pair.left.host, pair.right.host, pair.right.inner())


def tcp(lab: Lab, initiator: str, responder: str, outer: int) -> None:
    """TCP carries data unchanged both ways at once, over IPv4 and IPv6 inside"""
    pair = Pair(lab, (initiator, responder), outer)
    for version in (4, 6):
        transfer_tcp(pair.left.host, pair.right.host, pair.right.inner(version))
    transfer_tcp(pair.right.host, pair.left.host, pair.left.inner())


def traffic_class(lab: Lab, initiator: str, responder: str) -> None:
    """Handshakes are sent as AF41; data shows the inner ECN outside, and nothing of its DSCP"""
    pair = Pair(lab, (initiator, responder))
    with pair.tap() as tap:
        for tos in (0xb8, 0xba, 0xb9):  # EF with not-ECT, ECT(0) and ECT(1)
            pair.left.host.run("ping", "-c", "1", "-Q", str(tos), pair.right.inner())
        wait_until("all pings on the tap", lambda: len(tap.of_kind(DATA)) >= 6)
    sent = [message for message in tap.passed if message.source == OUTER[4][0]]
    shakes = {message.traffic_class for message in sent if message.kind == INITIATION}
    require(shakes == {HANDSHAKE_CLASS}, f"handshakes with the traffic classes {shakes}")
    data = [message.traffic_class for message in sent if message.kind == DATA]
    require(data == [0, 2, 1], f"data with the traffic classes {data}")


def error_of(host: Host, source: str, target: str) -> int:
    """The errno that a UDP socket of the host gets from an ICMP error about its datagram."""
    inet6 = ":" in target
    made = host.socket(socket.AF_INET6 if inet6 else socket.AF_INET, socket.SOCK_DGRAM)
    with made:
        made.settimeout(20)
        made.setsockopt(*((socket.IPPROTO_IPV6, IPV6_RECVERR) if inet6
                          else (socket.IPPROTO_IP, IP_RECVERR)), 1)
        made.bind((source, 0))
        made.connect((target, 9))
        made.send(b"is anybody there?")
        try:
            made.recv(1)
        except TimeoutError:
            return 0
        except OSError as error:
            return error.errno or 0
    return 0


def unreachable(lab: Lab, initiator: str, responder: str) -> None:
    """Who sends to an address without peer, or to a peer without endpoint, is told by ICMP"""
    pair = Pair(lab, (initiator, responder))
    for version, nobody in ((4, "10.99.0.1"), (6, "fd99::1")):
        pair.left.host.ip("route", "add", nobody, "dev", pair.left.name)
        got = error_of(pair.left.host, pair.left.inner(version), nobody)
        require(got == errno.EHOSTUNREACH, f"no peer has {nobody}, and the sender got {got}")
        # The responder has never heard of the initiator: it has a peer without an endpoint.
        got = error_of(pair.right.host, pair.right.inner(version), pair.left.inner(version))
        require(got == errno.EHOSTUNREACH, f"no endpoint, and the sender got {got}")


def scenarios() -> list[Scenario]:
    found = []
    for pair in PAIRS:
        found += [scenario(handshake, *pair, outer) for outer in (4, 6)]
        found += [scenario(tcp, *pair, outer) for outer in (4, 6)]
        found += [scenario(play, *pair)
                  for play in (both_ends_agree, preshared_key, every_size, big_mtu)]
    # Debian's wireguard-go does neither.
    if os.environ.get("LAB_IMPL") != "wireguard-go":
        found += [scenario(traffic_class, "troupe", "wireguard-go"),
                  scenario(unreachable, "troupe", "troupe")]
    return found


if __name__ == "__main__":
    main(scenarios())
