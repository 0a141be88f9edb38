#!/usr/bin/env python3
"""Peers that move, keys that change and routes that shift, on a running pair.

      left                                            right
   10.66.0.1                                         10.66.0.2         inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 fd77::1 ---------- wire ------- 192.168.77.2 fd77::2   outside

Behind a NAT the left host hides, and its mapping dies after UDP_TIMEOUT_S of silence:

   left 192.168.78.2 ---- 192.168.78.1 nat 192.168.77.1 ---- 192.168.77.2 right

With a third host, the left one stands in the middle:

   right 192.168.77.2 ---- 192.168.77.1 left 192.168.79.1 ---- 192.168.79.2 third
"""
import time
from concurrent.futures import ThreadPoolExecutor

from lab import Host, Lab, Scenario, main, require, scenario, wait_until
from traffic import ANSWER_S, flood, ping, pings_answered, reaches, transfer_tcp
from tunnel import (PORT, Peer, Tunnel, endpoint, introduce, new_key, new_preshared_key,
                    public_of)
from wire import DATA, INITIATION, KEEPALIVE, Message, Tap

PAIRS = [("troupe", "troupe"), ("troupe", "wireguard-go"), ("wireguard-go", "troupe")]
# Several keepalives long, so that a late one does not cost the mapping.
UDP_TIMEOUT_S = 4
REKEY_TIMEOUT_S = 5


def tunnels(lab: Lab, kinds: tuple[str, str], hosts: tuple[Host, Host]) -> tuple[Tunnel, Tunnel]:
    left, right = (Tunnel(lab, host, kind, [f"10.66.0.{number}/24"])
                   for number, (host, kind) in enumerate(zip(hosts, kinds), start=1))
    return left, right


def wired_pair(lab: Lab, *kinds: str) -> tuple[Tunnel, Tunnel]:
    """Both ends know each other's endpoint."""
    hosts = lab.host("left"), lab.host("right")
    lab.link(*hosts, ["192.168.77.1/24", "fd77::1/64"], ["192.168.77.2/24", "fd77::2/64"])
    left, right = tunnels(lab, kinds, hosts)
    introduce(left, right, endpoint("192.168.77.1"), endpoint("192.168.77.2"))
    right.start()
    left.start()
    ping(left.host, right.inner())
    return left, right


def data_shown(tap: Tap, count: int, **facts: object) -> list[Message]:
    """The data messages of which `facts` are true, once the tap has shown so many."""
    def shown() -> list[Message]:
        found = [message for message in tap.of_kind(DATA)
                 if all(getattr(message, name) == value for name, value in facts.items())]
        return found if len(found) >= count else []
    return wait_until(f"{count} data messages with {facts} on the tap", shown)


def address_changes(lab: Lab, left_kind: str, right_kind: str) -> None:
    """A peer whose address changes is followed without a new handshake, to IPv6 as well"""
    left, right = wired_pair(lab, left_kind, right_kind)
    with Tap(left.host, "to-right") as tap:
        left.host.delete_addresses("to-right", "192.168.77.1/24")
        left.host.add_addresses("to-right", "192.168.77.3/24")
        if left.implementation == "wireguard-go":
            # It clings to a source address that is gone where the kernel says ENETUNREACH (as
            # new ones do) instead of EINVAL; only a new endpoint makes it forget.
            left.set_peer(right.as_peer(), "endpoint", endpoint("192.168.77.2"))
        wait_until("traffic from the new address", lambda: reaches(left.host, right.inner()))
        where = right.peer_state(left).endpoint
        require(where == endpoint("192.168.77.3"), f"the peer is still at {where}")
        ping(right.host, left.inner(), count=3)
        left.set_peer(right.as_peer(), "endpoint", endpoint("fd77::2"))
        ping(left.host, right.inner(), count=3)
        where = right.peer_state(left).endpoint
        require(where == endpoint("fd77::1"), f"the peer is still at {where}")
        ping(right.host, left.inner(), count=3)
        require(not tap.handshakes(), f"{len(tap.handshakes())} handshake messages passed")


def port_changes(lab: Lab, left_kind: str, right_kind: str) -> None:
    """A listen port changed live is followed by the other end without a new handshake"""
    left, right = wired_pair(lab, left_kind, right_kind)
    with Tap(left.host, "to-right") as tap:
        left.set("listen-port", "51999")
        ping(left.host, right.inner(), count=3)
        where = right.peer_state(left).endpoint
        require(where == endpoint("192.168.77.1", 51999), f"the peer is still at {where}")
        ping(right.host, left.inner(), count=3)
        require(not tap.handshakes(), f"{len(tap.handshakes())} handshake messages passed")
        ports = {message.source_port for message in data_shown(tap, 6, source="192.168.77.1")}
        require(ports == {51999}, f"the moved end sent from the ports {ports}")


def source_sticks(lab: Lab, left_kind: str, right_kind: str) -> None:
    """The answer comes from the address that was asked, and from another once that is gone"""
    left, right = wired_pair(lab, left_kind, right_kind)
    right.host.add_addresses("to-left", "192.168.77.22/24")
    with Tap(left.host, "to-right") as tap:
        left.set_peer(right.as_peer(), "endpoint", endpoint("192.168.77.22"))
        ping(left.host, right.inner(), count=3)
        sources = {message.source for message in data_shown(tap, 3, target="192.168.77.1")}
        require(sources == {"192.168.77.22"}, f"the answers came from {sources}")
        where = left.peer_state(right).endpoint
        require(where == endpoint("192.168.77.22"), f"the peer roamed to {where}")
    right.host.delete_addresses("to-left", "192.168.77.22/24")
    if right.implementation != "wireguard-go":  # See address_changes.
        wait_until("traffic from the address that is left",
                   lambda: reaches(right.host, left.inner()))
        where = left.peer_state(right).endpoint
        require(where == endpoint("192.168.77.2"), f"the peer is still at {where}")


def behind_nat(lab: Lab, kinds: tuple[str, str], keepalive: int | None) -> tuple[Tunnel, Tunnel]:
    inside, nat, outside = lab.host("left"), lab.host("nat"), lab.host("right")
    lab.link(inside, nat, ["192.168.78.2/24"], ["192.168.78.1/24"])
    lab.link(nat, outside, ["192.168.77.1/24"], ["192.168.77.2/24"])
    inside.ip("route", "add", "default", "via", "192.168.78.1")
    nat.sysctl("net.ipv4.ip_forward", 1)
    # `random`: a new mapping has a new port. Nothing from outside enters without a mapping.
    nat.run("nft", "-f", "-", text="""
        table ip nat {
          chain leave { type nat hook postrouting priority 100;
            oifname "to-right" masquerade random; }
          chain pass { type filter hook forward priority 0; policy drop;
            iifname "to-left" accept; ct state established,related accept; }
        }""")
    for key in ("udp_timeout", "udp_timeout_stream"):
        nat.sysctl(f"net.netfilter.nf_conntrack_{key}", UDP_TIMEOUT_S)
    left, right = tunnels(lab, kinds, (inside, outside))
    introduce(left, right, right_endpoint=endpoint("192.168.77.2"))
    left.peers[0].keepalive = keepalive
    right.start()
    left.start()
    return left, right


def keepalive_holds_nat(lab: Lab, left_kind: str, right_kind: str) -> None:
    """A persistent keepalive shakes hands unasked and keeps the way through a NAT open"""
    left, right = behind_nat(lab, (left_kind, right_kind), keepalive=1)
    wait_until("a handshake that no traffic asked for",
               lambda: right.peer_state(left).latest_handshake > 0)
    time.sleep(2 * UDP_TIMEOUT_S + 1)
    ping(right.host, left.inner(), count=3)


def nat_mapping_lost(lab: Lab, left_kind: str, right_kind: str) -> None:
    """Without a keepalive the way through a NAT closes, and the next packet from inside reopens it
    under a new port"""
    left, right = behind_nat(lab, (left_kind, right_kind), keepalive=None)
    ping(left.host, right.inner())
    before = right.peer_state(left).endpoint
    # Past the passive keepalive (10 s), which a ping provokes, and then past the mapping's end.
    time.sleep(11 + 2 * UDP_TIMEOUT_S)
    require(not reaches(right.host, left.inner()), "the mapping outlived its time")
    ping(left.host, right.inner())
    after = right.peer_state(left).endpoint
    require(before != after, f"still the mapping {before}")
    ping(right.host, left.inner(), count=3)


def wrong_preshared_key(lab: Lab, left_kind: str, right_kind: str) -> None:
    """A wrong preshared key stops new sessions, and traffic flows once it is mended live"""
    left, right = wired_pair(lab, left_kind, right_kind)
    good = new_preshared_key()
    left.set_peer(right.as_peer(), "remove")
    left.peers[0].preshared_key = new_preshared_key()
    right.set_peer(left.as_peer(), "preshared-key", "/dev/stdin", text=good)
    left.setconf()
    require(not reaches(left.host, right.inner()), "a wrong preshared key was accepted")
    left.set_peer(right.as_peer(), "preshared-key", "/dev/stdin", text=good)
    wait_until("traffic with the right preshared key",
               lambda: reaches(left.host, right.inner()), 4 * REKEY_TIMEOUT_S)
    transfer_tcp(left.host, right.host, right.inner(), octets=1 << 20)


def private_key_changes(lab: Lab, left_kind: str, right_kind: str) -> None:
    """A private key changed live needs, and gets, a new session under the new public key"""
    left, right = wired_pair(lab, left_kind, right_kind)
    fresh = new_key()
    left.set("private-key", "/dev/stdin", text=fresh)
    shown = left.show("public-key").strip()
    require(shown == public_of(fresh), f"the public key shown is {shown}")
    # Sessions of the old key end at once: nothing may pass on them.
    require(not reaches(left.host, right.inner()), "the old identity still carries traffic")
    right.set_peer(left.as_peer(), "remove")
    left.public_key = public_of(fresh)
    right.set_peer(left.as_peer(), "allowed-ips", "10.66.0.1/32",
                   "endpoint", endpoint("192.168.77.1"))
    wait_until("traffic under the new key", lambda: reaches(left.host, right.inner()),
               4 * REKEY_TIMEOUT_S)
    ping(right.host, left.inner(), count=3)


def three_hosts(lab: Lab, left_kind: str, right_kind: str) -> tuple[Tunnel, Tunnel, Tunnel]:
    hosts = left, right, third = lab.host("left"), lab.host("right"), lab.host("third")
    lab.link(left, right, ["192.168.77.1/24"], ["192.168.77.2/24"])
    lab.link(left, third, ["192.168.79.1/24"], ["192.168.79.2/24"])
    made = [Tunnel(lab, host, kind, [f"10.66.0.{number}/24"]) for number, (host, kind) in
            enumerate(zip(hosts, (left_kind, right_kind, right_kind)), start=1)]
    introduce(made[0], made[1], right_endpoint=endpoint("192.168.77.2"))
    introduce(made[0], made[2], right_endpoint=endpoint("192.168.79.2"))
    return made[0], made[1], made[2]


def more_specific_peer(lab: Lab, left_kind: str, right_kind: str) -> None:
    """An address goes to the peer with the longest prefix, moves live, and only its owner may send
    from it"""
    left, right, third = three_hosts(lab, left_kind, right_kind)
    left.peers[0].allowed_ips = ["10.66.0.0/16"]
    left.peers[1].allowed_ips = ["10.66.0.3/32"]
    for tunnel in (right, third):
        tunnel.addresses.append("10.66.9.9/32")
        tunnel.start()
    left.start()
    for tunnel in (right, third):
        ping(left.host, tunnel.inner())

    def owner() -> str:
        """Who got the ping to the address that both have, by the octets sent."""
        before = [left.peer_state(one).tx_bytes for one in (right, third)]
        ping(left.host, "10.66.9.9")
        after = [left.peer_state(one).tx_bytes for one in (right, third)]
        # A keepalive may be due to the other one just then.
        grown = [new > old + KEEPALIVE for new, old in zip(after, before)]
        require(any(grown) and not all(grown), f"octets sent before {before}, after {after}")
        return "right" if grown[0] else "third"

    def spoof_passes(source: Tunnel, wait: float) -> bool:
        """Whether a ping from the shared address, sent through `source`, is answered."""
        return pings_answered(source.host, left.inner(), wait=wait, source="10.66.9.9") == 1

    require(owner() == "right", "the only prefix that fits was not used")
    left.set_peer(third.as_peer(), "allowed-ips", "10.66.0.3/32,10.66.9.9/32")
    require(owner() == "third", "the more specific prefix was not used")
    require(not spoof_passes(right, wait=1.0), "a source of another peer's was let in")
    require(spoof_passes(third, wait=ANSWER_S), "the owner of the source was refused")
    left.set_peer(right.as_peer(), "allowed-ips", "10.66.0.0/16,10.66.9.9/32")
    require(owner() == "right", "a prefix given to another peer did not move")
    require(left.peer_state(third).allowed_ips == {"10.66.0.3/32"}, "the prefix has two owners")


def silent_peer(lab: Lab, left_kind: str, right_kind: str) -> None:
    """A peer that never answers, flooded, costs the others not one ping and no TCP transfer"""
    left, right = wired_pair(lab, left_kind, right_kind)
    silent = Peer(public_of(new_key()), ["10.66.0.9/32"], "192.168.77.2:9")
    left.set_peer(silent, "endpoint", silent.endpoint, "allowed-ips", "10.66.0.9/32")
    left.host.ip("route", "replace", "10.66.0.9/32", "dev", left.name)
    with Tap(left.host, "to-right") as tap, ThreadPoolExecutor(2) as pool:
        begin = time.monotonic()
        flooding = pool.submit(flood, left.host, "10.66.0.9", lambda: time.monotonic() < begin + 6)
        answered = pings_answered(left.host, right.inner(), count=100, interval=0.02)
        transfer_tcp(left.host, right.host, right.inner())
        require(flooding.result() > 1000, "the flood was no flood")
        tried = [one for one in tap.of_kind(INITIATION) if one.target_port == 9]
        took = time.monotonic() - begin
    require(answered == 100, f"{answered} of 100 pings beside the silent peer were answered")
    require(1 <= len(tried) <= 2 + took // REKEY_TIMEOUT_S,
            f"{len(tried)} initiations to the silent peer in {took:.0f} s")


def scenarios() -> list[Scenario]:
    plays = (address_changes, port_changes, source_sticks, keepalive_holds_nat,
             nat_mapping_lost, wrong_preshared_key, private_key_changes, more_specific_peer,
             silent_peer)
    return [scenario(play, *pair) for pair in PAIRS for play in plays]


if __name__ == "__main__":
    main(scenarios())
