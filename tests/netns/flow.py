#!/usr/bin/env python3
"""Credit, seen from outside: memory is bounded, nothing is lost inside, queues are short, nothing
gets stuck, and `flow` tells all of it. The pair is flow_lab.py's; for a flood there is a router:

      flooder                      router                       victim
     10.66.0.2                   10.66.0.1                    10.66.0.3        inside
     [ tunnel ]                  [ tunnel ]                  [ tunnel ]
   192.168.77.2 ---- 192.168.77.1          192.168.78.1 ---- 192.168.78.2      outside

The limits of time are those of a machine that does nothing else. Here it may compile, so what is
late is tried again (flow_traffic.py); drops, memory, books and words have to be right at once.

FLOW_SEED=N repeats what was random.
"""
import json
import os
import random
import re
import subprocess
import threading
import time

from flow_fairness import on_time, shares
from flow_lab import (INSIDE, MIB, RECEIVE_SLAB, TRANSMIT_SLAB, Choke, Flow, Pair, ask, at_rest,
                      flow_table, peak_memory, require_balanced, require_balanced_under_load,
                      require_memory, require_no_drops, tool)
from flow_traffic import (NEVER, HandshakeTimes, Late, S, SteadyFlow, Streams, flood_of_trains,
                          note, percentile, ping_ms, try_again)
from flow_trouble import BLOCKAGES, RESTARTS, TROUBLES, Troubled, junk_datagrams
from lab import Failure, Host, Lab, Scenario, main, require, run, scenario, wait_until
from traffic import Load, ping, reaches, transfer_tcp
from tunnel import Tunnel, endpoint, introduce

DIES_IN_TROUBLES = {"no_peer", "no_endpoint", "staging_full", "not_ip", "spoofed_source",
                    "malformed_message", "unknown_index", "invalid_mac1", "unknown_peer",
                    "replayed", "decrypt_failed", "oversize_packet"}
# No peer that has these is ever removed.
PEER_IS_KNOWN = {"no_endpoint", "spoofed_source", "replayed", "decrypt_failed", "refused_by_host"}

STALL_S = 10
FIRST_PACKET_S = FULL_RATE_S = 0.1
FULL_RATE = 0.8  # Of the rate before.
FULL_RATE_WATCHED_S = 0.2
STATUS_S = 1.0
PING_MS = 20
HANDSHAKE_MS = 100
WINDOW_LEAST = 65536


def new_chance() -> random.Random:
    seed = int(os.environ.get("FLOW_SEED") or random.randrange(1 << 32))
    note(f"FLOW_SEED={seed}")
    return random.Random(seed)


# --- Everything adds up


def adds_up(lab: Lab) -> None:
    """Whatever becomes of packets, every one is counted once: under load within what is under way,
    at rest exactly, and a dropped one with its peer"""
    pair, chance = Troubled(lab), new_chance()
    troubles = TROUBLES + chance.choices(TROUBLES, k=2 * len(TROUBLES))
    chance.shuffle(troubles)
    told = [Flow(tunnel) for tunnel in pair.ends]
    with Load(pair.left.host, pair.right.host, INSIDE[1]):
        for trouble in troubles:
            trouble(pair, chance)
            before, told = told, [Flow(tunnel) for tunnel in pair.ends]
            for earlier, later in zip(before, told):
                require_balanced_under_load(earlier, later)
        require_alive(pair)
        junk_datagrams(pair, chance)  # Copies of what had no session any more die otherwise.
    told = [require_balanced(tunnel) for tunnel in pair.ends]
    seen = set.union(*(flow.reasons() for flow in told))
    missing = DIES_IN_TROUBLES - seen
    require(not missing, f"the lab expected packets to die of {missing}; of {seen} they did")
    for flow in told:
        nameless = PEER_IS_KNOWN & flow.reasons(named=False)
        require(not nameless, f"{flow.who} does not say whose drops these are: {nameless}")
        note(f"{flow.who}: " + ", ".join(f"{key} {value}" for key, value in flow.counts().items()
                                         if key in ("read", "received", "dropped")))
    require_alive(pair)
    require_memory(*pair.ends)


# --- A sink that stalls


def stalled_sink(lab: Lab, outer: int) -> None:
    """A sink that stalls for 10 s under full load costs no packet inside and no memory above the
    bound, `flow` names it, and 100 ms after its release all is as before"""
    pair = Pair(lab, outer=outer).start()
    before = [at_rest(tunnel) for tunnel in pair.ends]
    try_again(lambda: stall(pair))
    for tunnel, was in zip(pair.ends, before):
        now = require_balanced(tunnel)
        require_no_drops(was, now)
        note(f"{now.who}: at most {peak_memory(tunnel) / MIB:.1f} MiB; lost in sockets "
             f"{now.kernel_drops('udp') - was.kernel_drops('udp')}, in the device's queue "
             f"{now.kernel_drops('tun') - was.kernel_drops('tun')}")
    require_memory(*pair.ends)


def stall(pair: Pair) -> None:
    left, right = pair.left.host, pair.right.host
    with Load(left, right, INSIDE[1]), \
            SteadyFlow(left, right, INSIDE[1], per_second=2000) as steady:
        time.sleep(1)
        begin = time.time_ns()
        time.sleep(1)
        before = steady.share_arrived(begin, begin + S // 2)
        with Choke(pair.left, pair.right) as choke:
            time.sleep(STALL_S / 2)
            require_blockage_named(pair.left)
            asked = time.monotonic()
            run(tool("troupectl"), "-i", pair.left.name, "status")
            answered = time.monotonic() - asked
            time.sleep(STALL_S / 2)
            freed = choke.free()
            time.sleep(FULL_RATE_S + FULL_RATE_WATCHED_S + 0.3)
        first = (steady.first(lambda each: each.came >= freed) - freed) / S
        fresh = (steady.first(lambda each: each.sent >= freed) - freed) / S
        full = freed + int(FULL_RATE_S * S)
        after = steady.share_arrived(full, full + int(FULL_RATE_WATCHED_S * S))
    note(f"`status` took {answered * 1e3:.0f} ms; after the release the first packet came after "
         f"{first * 1e3:.1f} ms, the first of those sent since after {fresh * 1e3:.1f} ms, and "
         f"{FULL_RATE_S * 1e3:.0f} ms later the rate was {after / before:.0%} of that before")
    if answered > STATUS_S or first > FIRST_PACKET_S or after / before < FULL_RATE:
        raise Late("too slow")


def require_blockage_named(tunnel: Tunnel) -> None:
    said = flow_table(tunnel).splitlines()[-1]
    share = re.fullmatch(r"bottleneck: udp-sender/0 is waiting for the socket (\d+) % of the time",
                         said)
    require(share and int(share[1]) >= 90, f"during the stall `flow` said: {said}")


# --- A flood


def flooded(lab: Lab, wire: str) -> None:
    """Small packets from one peer, as many as go, leave another's ping p99 under 20 ms, and lose
    none of it inside"""
    hosts = router, flooder, victim = [lab.host(name) for name in ("router", "flooder", "victim")]
    for network, host in ((77, flooder), (78, victim)):
        lab.link(host, router, [f"192.168.{network}.2/24"], [f"192.168.{network}.1/24"],
                 segments=wire == "joined")
    tunnels = [Tunnel(lab, host, "troupe-toml", [f"10.66.0.{number}/24"])
               for number, host in enumerate(hosts, start=1)]
    for network, tunnel in zip((77, 78), tunnels[1:]):
        introduce(tunnels[0], tunnel, left_endpoint=endpoint(f"192.168.{network}.1"))
    for tunnel in tunnels:
        tunnel.start()
    for host in hosts[1:]:
        ping(host, INSIDE[0])
    before = [at_rest(tunnel) for tunnel in tunnels]
    with flood_of_trains(flooder, INSIDE[0]):
        try_again(lambda: ping_beside_flood(victim, tunnels[0]))
    for tunnel, was in zip(tunnels, before):
        require_no_drops(was, require_balanced(tunnel))
    require_memory(*tunnels)


def ping_beside_flood(victim: Host, router: Tunnel) -> None:
    count, was, begin = 1000, Flow(router), time.monotonic()
    times = ping_ms(victim, INSIDE[0], count, interval=0.005)
    now, seconds = Flow(router), time.monotonic() - begin
    lost, lost_outside = count - len(times), now.kernel_drops() - was.kernel_drops()
    received = now.tunnel["received"] - was.tunnel["received"]
    require(times, "no ping was answered")
    p99 = percentile(times, 99)
    note(f"{received / seconds / 1e3:.0f} thousand packets a second came in and "
         f"{lost_outside / seconds / 1e3:.0f} were lost in the router's socket; of {count} pings "
         f"{lost} were lost, p50 {percentile(times, 50):.1f} ms, p99 {p99:.1f} ms")
    require(lost == 0 or lost_outside > 0, f"{lost} pings were lost, but none in a socket")
    if p99 > PING_MS:
        raise Late(f"p99 of the pings was {p99:.1f} ms")


# --- Handshakes under load


def handshakes_under_load(lab: Lab) -> None:
    """Handshakes complete within 100 ms (p99) while four TCP connections run at full speed both
    ways"""
    pair, asker, count = Pair(lab).start(), lab.host("asker"), 1000
    right = pair.right
    link, _ = lab.link(asker, right.host, ["192.168.79.2/24"], ["192.168.79.1/24"])
    keys = run(tool("handshake-load"), "keys", str(count)).stdout.split()
    right.wg("addconf", "/dev/stdin", text="".join(f"[Peer]\nPublicKey = {key}\n" for key in keys))
    before = [at_rest(tunnel) for tunnel in pair.ends]

    def shake_hands() -> None:
        with HandshakeTimes(asker, link) as times:
            begin, came = time.monotonic(), sum(streams.came)
            asker.run(tool("handshake-load"), "run", endpoint("192.168.79.1"), right.public_key,
                      str(count), "2", timeout=300)
            rate = (sum(streams.came) - came) / (time.monotonic() - begin)
            wait_until("the tap has seen all initiations", lambda: len(times.asked) == count)
            time.sleep(0.5)
            took = times.ms()
        p99 = percentile(took, 99)
        note(f"beside {rate * 8 / 1e9:.2f} Gbit/s: p50 {percentile(took, 50):.1f} ms, p99 "
             f"{p99:.1f} ms, {took.count(NEVER)} of {count} without an answer")
        if p99 > HANDSHAKE_MS:
            raise Late(f"p99 of the handshakes was {p99:.1f} ms")

    with Streams(pair.left.host, right.host, INSIDE[1], count=4) as streams:
        streams.wait_for_more(MIB)
        try_again(shake_hands)
        streams.wait_for_more(MIB)
    for tunnel, was in zip(pair.ends, before):
        require_no_drops(was, require_balanced(tunnel))
    require_memory(*pair.ends)


# --- No deadlock


def never_stuck(lab: Lab) -> None:
    """With the least window TCP passes both ways, the window holds, and traffic goes on after any
    part was blocked or started again, in turn and at random"""
    pair, chance = Pair(lab, settings=f"[credit]\nwindow = {WINDOW_LEAST}").start(), new_chance()
    left, right = pair.left.host, pair.right.host
    transfer_tcp(left, right, INSIDE[1], octets=16 * MIB)
    ways = pair.ends, pair.ends[::-1]
    steps = [(way, blocking, 1.0) for blocking in BLOCKAGES + RESTARTS for way in ways]
    steps += [(chance.choice(ways), chance.choice(BLOCKAGES + RESTARTS), chance.uniform(0.05, 1))
              for _ in steps]
    with OutWatch(*pair.ends) as out, Load(left, right, INSIDE[1]), Load(right, left, INSIDE[0]):
        for (near, far), blocking, seconds in steps:
            require_memory(near)  # A restart forgets.
            try:
                blocking(near, far, seconds)
                begin = time.monotonic()
                require_alive(pair)
            except Failure as failure:
                raise Failure(f"{near.host.name} {blocking.__name__} for {seconds:.2f} s: {failure}"
                              ) from None
            note(f"{near.host.name} {blocking.__name__} for {seconds:.2f} s, and alive "
                 f"{time.monotonic() - begin:.2f} s later")
    out.require_within(WINDOW_LEAST)
    for tunnel in pair.ends:
        require_balanced(tunnel)
    require_memory(*pair.ends)


def require_alive(pair: Pair) -> None:
    for near, far in (pair.ends, pair.ends[::-1]):
        wait_until(f"a ping from {near.host.name} is answered",
                   lambda: reaches(near.host, far.inner()))
    transfer_tcp(pair.left.host, pair.right.host, INSIDE[1], octets=MIB // 2)


class OutWatch:
    """A with-block: looks again and again how much each edge has out."""

    def __init__(self, *tunnels: Tunnel) -> None:
        self.tunnels, self.going = tunnels, True
        self.most: dict[str, int] = {}
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self) -> "OutWatch":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.going = False
        self.thread.join()

    def watch(self) -> None:
        while self.going:
            for tunnel in self.tunnels:
                try:
                    edges = ask(tunnel, "flow")["edges"]
                except (OSError, ValueError):  # It is being started again.
                    continue
                for edge in edges:
                    self.most[edge["from"]] = max(self.most.get(edge["from"], 0),
                                                  edge["out_bytes"])
            time.sleep(0.01)

    def require_within(self, window: int) -> None:
        """What a reader reads at once, at most a slab, may exceed its window."""
        note("most out: " + ", ".join(f"{name} {most}" for name, most in self.most.items()))
        for name, most in self.most.items():
            slab = TRANSMIT_SLAB if name.startswith("tun-reader") else RECEIVE_SLAB
            require(0 <= most <= window + slab, f"{name} has had {most} octets out")


# --- The command


def told_by_troupectl(lab: Lab) -> None:
    """`flow --json --watch` prints an object a line and ends quietly with its reader; without a
    daemon `flow` says so and exits with 3"""
    tunnel = Pair(lab).start().left
    command = [tool("troupectl"), "-i", tunnel.name, "flow"]
    watching = subprocess.Popen([*command, "--json", "--watch"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    lab.children.append(watching)
    for _ in range(2):
        told = json.loads(watching.stdout.readline())
        require(told["edges"] and told["bottleneck"], f"it told {told}")
    watching.stdout.close()
    try:
        watching.wait(timeout=10)
    except subprocess.TimeoutExpired:
        raise Failure("it goes on though nobody reads") from None
    said = watching.stderr.read()
    require(not said, f"when its reader went it said {said!r}")
    tunnel.stop()
    done = run(*command, fails=True)
    require(done.returncode == 3 and tunnel.name in done.stderr and not done.stdout,
            f"without a daemon: {done.returncode}, {done.stderr!r}, {done.stdout!r}")


def scenarios() -> list[Scenario]:
    floods = [scenario(flooded, wire) for wire in ("joined", "one by one")]
    return [scenario(adds_up), scenario(stalled_sink, 4), scenario(stalled_sink, 6), *floods,
            scenario(handshakes_under_load), scenario(on_time), scenario(shares),
            scenario(never_stuck), scenario(told_by_troupectl)]


if __name__ == "__main__":
    main(scenarios())
