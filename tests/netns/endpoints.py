#!/usr/bin/env python3
"""Peers that have several endpoints, and peers that expire. One wire with three networks, each of
which may die for the left host alone:

   left 192.168.77.1 ---------- 192.168.77.2 right
        192.168.78.1 ---------- 192.168.78.2
        fd77::1      ---------- fd77::2
"""
import json
import time
from datetime import datetime, timedelta, timezone

from control_lab import apply, ctl, refused, running
from lab import Lab, Scenario, main, require, scenario, wait_until
from traffic import pings_answered, reaches
from tunnel import Peer, Tunnel, introduce, new_key, public_of

FIRST, SECOND, SIX = "192.168.77.2:51820", "192.168.78.2:51820", "[fd77::2]:51820"
# Three initiations, 5 s apart, and before them 15 s in which an established session is trusted.
MOVES_S = 60.0


class Pair:
    """troupe with a file on the left, on the right any WireGuard that never calls by itself."""

    def __init__(self, lab: Lab, endpoints: str) -> None:
        hosts = lab.host("left"), lab.host("right")
        lab.link(*hosts, ["192.168.77.1/24", "192.168.78.1/24", "fd77::1/64"],
                 ["192.168.77.2/24", "192.168.78.2/24", "fd77::2/64"])
        self.left = Tunnel(lab, hosts[0], "troupe-toml", ["10.66.0.1/24"])
        self.right = Tunnel(lab, hosts[1], "troupe", ["10.66.0.2/24"])
        introduce(self.left, self.right, right_endpoint=FIRST)
        self.endpoints = endpoints
        text = self.left.toml_text
        self.left.toml_text = lambda extra="": text(extra).replace(f'"{FIRST}"', self.endpoints)
        self.right.start()

    def start(self) -> "Pair":
        self.left.start()
        return self

    def cut(self, *addresses: str) -> None:
        """What goes there or comes from there is lost without a word, as behind a dead router."""
        for host, end in ((self.right.host, "daddr {} udp dport"),
                          (self.left.host, "saddr {} udp sport")):
            rules = "".join(f"ip{'6' if ':' in one else ''} {end.format(one)} 51820 drop\n"
                            for one in addresses)
            host.run("nft", "-f", "-", text=f"""
                table inet cut {{}}
                delete table inet cut
                table inet cut {{
                  chain arrive {{ type filter hook input priority 0;
                    {rules}
                  }}
                }}""")

    def place(self) -> str:
        return self.left.peer_state(self.right).endpoint

    def is_reached(self) -> bool:
        return reaches(self.left.host, self.right.inner())

    def wait_reached(self, at: str) -> None:
        wait_until(f"the peer is reached at {at}",
                   lambda: self.is_reached() and self.place() == at, MOVES_S)


def shown(tunnel: Tunnel, name: str) -> dict:
    return next(peer for peer in json.loads(ctl(tunnel, "status", "--json").stdout)["peers"]
                if peer["name"] == name)


# --- Several endpoints


def next_is_tried(lab: Lab) -> None:
    """The first endpoint is dead, and the tunnel comes up over the second by itself; that dies, and
    it comes back over the first"""
    pair = Pair(lab, f'["{FIRST}", "{SECOND}"]')
    pair.cut("192.168.77.2")
    pair.start()
    pair.wait_reached(SECOND)
    require(shown(pair.left, "peer-0")["endpoints"] == [FIRST, SECOND], "they are not shown")
    pair.cut("192.168.78.2")
    pair.wait_reached(FIRST)
    before = pair.left.peer_state(pair.right)
    pair.cut()
    require(pings_answered(pair.left.host, pair.right.inner(), count=20) == 20, "pings were lost")
    require(pair.place() == before.endpoint, "a peer that answered was moved")


def names_have_addresses(lab: Lab) -> None:
    """All addresses of a name are tried, of both families, and a name that is nobody's costs the
    next endpoint nothing"""
    pair = Pair(lab, '["nobody.test:51820", "right.test:51820"]')
    pair.left.host.write_etc("nsswitch.conf", "hosts: files\n")
    pair.left.host.write_etc("hosts", "192.168.77.2 right.test\n192.168.78.2 right.test\n"
                                      "fd77::2 right.test\n")
    pair.cut("192.168.77.2", "192.168.78.2")
    pair.start()
    pair.wait_reached(SIX)
    pair.cut("fd77::2", "192.168.77.2")
    pair.wait_reached(SECOND)


def slow_name(lab: Lab) -> None:
    """A name whose servers say nothing delays neither the peer's next endpoint, nor other peers,
    nor the end"""
    pair = Pair(lab, f'["slow.test:51820", "{FIRST}"]')
    pair.left.host.write_etc("nsswitch.conf", "hosts: files dns\n")
    pair.left.host.write_etc("hosts", "192.168.77.9 other.test\n")
    pair.left.host.write_etc("resolv.conf",
                             "nameserver 192.168.77.99\noptions timeout:30 attempts:5\n")
    pair.left.peers.append(Peer(public_of(new_key()), ["10.66.0.9/32"], "other.test:9"))
    pair.start()
    wait_until("the other name is found", lambda: "192.168.77.9:9" in pair.left.show("endpoints"),
               5.0)
    pair.wait_reached(FIRST)
    begin = time.monotonic()
    pair.left.stop()
    require(time.monotonic() - begin < 3, "the look-up held up the end")


def looked_up_again(lab: Lab) -> None:
    """`peer rehandshake` looks a name up again, and a peer that does not answer goes where it is
    now"""
    pair = Pair(lab, '"right.test:51820"')
    pair.left.host.write_etc("nsswitch.conf", "hosts: files\n")
    pair.left.host.write_etc("hosts", "192.168.77.2 right.test\n")
    pair.start()
    pair.wait_reached(FIRST)
    pair.left.host.write_etc("hosts", "192.168.78.2 right.test\n")
    pair.cut("192.168.77.2")
    ctl(pair.left, "peer", "rehandshake", "peer-0")
    pair.wait_reached(SECOND)


# --- Expiry


def soon(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def expires(lab: Lab) -> None:
    """A peer loses its tunnel at its moment and is shown as expired, others keep theirs, and a
    later date lets it in again"""
    pair = Pair(lab, f'"{FIRST}"').start()
    left, right = pair.left, pair.right
    third = lab.host("third")
    lab.link(left.host, third, ["192.168.79.1/24"], ["192.168.79.2/24"])
    other = Tunnel(lab, third, "troupe", ["10.66.0.3/24"])
    introduce(left, other, right_endpoint="192.168.79.2:51820")
    other.start()
    apply(left)
    for inside in (right, other):
        wait_until("both are reached", lambda: reaches(left.host, inside.inner()))
    before = left.peer_state(other)
    moment = soon(4)
    said = ctl(left, "peer", "set", "peer-0", "--expires", moment).stdout
    require(said == f"~ peer peer-0: expires not set -> {moment}\n", said)
    require(pair.is_reached(), "it went too soon")
    # A change that waits holds it up no more than it brings it back.
    ctl(left, "rpc", "peer.set",
        json.dumps({"peer": "peer-1", "persistent_keepalive": 25, "confirm_s": 6}))
    wait_until("it has expired", lambda: shown(left, "peer-0")["state"] == "expired", 15)
    require(datetime.now(timezone.utc) >= datetime.fromisoformat(moment.replace("Z", "+00:00")),
            "it went too soon")
    require(right.public_key not in left.state(), "UAPI lists it")
    require(not pair.is_reached(), "it still has its tunnel")
    require("10.66.0.2" not in left.host.ip("route", "show", "dev", left.name), "its route is left")
    require("peer-0 (expired)" in ctl(left, "status").stdout, "status does not show it")
    require("nobody: expired" in ctl(left, "history").stdout, "history does not know it")
    wait_until("the other change is taken back",
               lambda: shown(left, "peer-1")["persistent_keepalive"] == 0)
    require(shown(left, "peer-0")["state"] == "expired", "it came back with a change")
    require("has expired" in refused(left, "peer", "enable", "peer-0"), "it was enabled")
    require(reaches(left.host, other.inner()), "the other peer lost its tunnel")
    require(left.peer_state(other).latest_handshake == before.latest_handshake,
            "the other peer shook hands again")
    ctl(left, "peer", "set", "peer-0", "--expires", "never")
    wait_until("it is in again", pair.is_reached)


def starts_expired(lab: Lab) -> None:
    """A start finds a peer expired, says so, and goes on without it; what `show config` prints can
    be applied"""
    pair = Pair(lab, f'"{FIRST}"\nexpires = {soon(-3600)}').start()
    left = pair.left
    require(shown(left, "peer-0")["state"] == "expired", "it is in use")
    require("peer peer-0 has expired" in left.log.read_text(encoding="utf-8"), "nobody was told")
    require(not pair.is_reached(), "it has a tunnel")
    path = left.write_toml()
    path.write_text(running(left), encoding="utf-8")
    require(ctl(left, "apply", str(path)).stdout == "nothing changes\n", "show config is another")


def wg_leaves_alone(lab: Lab) -> None:
    """`wg set`, `wg syncconf` and `wg setconf` leave dates and further endpoints alone"""
    date = soon(3600)
    pair = Pair(lab, f'"{FIRST}"').start()
    left = pair.left
    ctl(left, "peer", "set", "peer-0", "--endpoint", FIRST, "--endpoint", SECOND,
        "--expires", date)

    def require_kept(what: str) -> None:
        peer = shown(left, "peer-0")
        require(peer["expires"] == date and peer["endpoints"] == [FIRST, SECOND],
                f"after {what} it is {peer}")
    left.set_peer(pair.right.as_peer(), "persistent-keepalive", "25")
    require_kept("wg set")
    left.set_peer(pair.right.as_peer(), "endpoint", SECOND)
    require(pair.place() == SECOND, f"it is at {pair.place()}")
    require_kept("wg set endpoint")
    left.syncconf()
    require(pair.place() == FIRST, f"it is at {pair.place()}")
    require_kept("wg syncconf")
    left.setconf()
    require_kept("wg setconf")
    ctl(left, "peer", "set", "peer-0", "--expires", soon(-1))
    left.syncconf()
    require(pair.right.public_key not in left.state(), "wg syncconf brought it back")


def scenarios() -> list[Scenario]:
    return [scenario(each) for each in (
        next_is_tried, names_have_addresses, slow_name, looked_up_again, expires, starts_expired,
        wg_leaves_alone)]


if __name__ == "__main__":
    main(scenarios())
