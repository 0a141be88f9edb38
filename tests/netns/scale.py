#!/usr/bin/env python3
"""A thousand peers on one host: started soon, and asleep while nothing happens.

      left
   10.66.0.1          inside
  [ tunnel ]          1,000 peers behind addresses that nobody has
"""
import re
import time
from pathlib import Path

from lab import Lab, Scenario, main, require, scenario
from tunnel import Peer, Tunnel, new_key, public_of

PEERS = 1000
START_MAX_S = 2.0
STARTS = 3  # A busy machine may spoil one.
SWITCHES_MAX = 50
WATCHED_S = 10
SETTLING_S = 3


def crowded(lab: Lab, kind: str) -> Tunnel:
    host = lab.host("left")
    lab.link(host, lab.host("right"), ["192.168.77.1/24"], ["192.168.77.2/24"])
    tunnel = Tunnel(lab, host, kind, ["10.66.0.1/16"])
    tunnel.peers = [Peer(public_of(new_key()), [f"10.66.{number >> 8}.{number & 255}/32"],
                         "192.168.77.2:51820") for number in range(2, PEERS + 2)]
    return tunnel


def voluntary_switches(pid: int) -> int:
    """Over all threads: how often one of them went to sleep."""
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", path.read_text(), re.M)[1])
               for path in Path(f"/proc/{pid}/task").glob("*/status"))


def time_to_serve(tunnel: Tunnel) -> float:
    """Seconds from the command to a thousand peers."""
    words = tunnel.command()
    began = time.monotonic()
    tunnel.launch("-f", *words)
    tunnel.wait_serving()
    if tunnel.implementation != "troupe-toml":
        tunnel.setconf()
    return time.monotonic() - began


def starts_and_sleeps(lab: Lab, kind: str) -> None:
    """1,000 peers are up within 2 s, and an idle daemon's threads wake at most 50 times in 10 s"""
    tunnel = crowded(lab, kind)
    took = [time_to_serve(tunnel)]
    while took[-1] >= START_MAX_S and len(took) < STARTS:
        tunnel.stop()
        took.append(time_to_serve(tunnel))
    require(min(took) < START_MAX_S, f"the starts took {took} s")
    require(len(tunnel.state()) == PEERS, "not all peers are there")
    if tunnel.implementation != "troupe-toml":
        tunnel.host.add_addresses(tunnel.name, *tunnel.addresses)
        tunnel.host.ip("link", "set", tunnel.name, "up")
    time.sleep(SETTLING_S)
    before = voluntary_switches(tunnel.process.pid)
    time.sleep(WATCHED_S)
    switches = voluntary_switches(tunnel.process.pid) - before
    require(switches <= SWITCHES_MAX, f"{switches} voluntary context switches in {WATCHED_S} s")


def scenarios() -> list[Scenario]:
    return [scenario(starts_and_sleeps, kind) for kind in ("troupe", "troupe-toml")]


if __name__ == "__main__":
    main(scenarios())
