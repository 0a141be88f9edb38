#!/usr/bin/env python3
"""What a daemon allocates while it carries packets: CAF's messages, one a batch and step, and
nothing a packet.

      left                 right
   10.66.0.1            10.66.0.2       inside
  [ tunnel ]===========[ tunnel ]       each with count_allocations.so preloaded
"""
import os
import struct
from pathlib import Path

from lab import Lab, Scenario, main, require, scenario
from traffic import ping, transfer_tcp
from tunnel import Tunnel, endpoint, introduce

WARM_OCTETS = 4 << 20
OCTETS = 32 << 20
SEGMENT_OCTETS = 1368  # of TCP at an MTU of 1420, with time stamps
# A batch has up to 90 segments, and acknowledgements come one by one: measured 0.1 a daemon.
ALLOCATIONS_PER_PACKET_MAX = 0.5


class CountedTunnel(Tunnel):
    """A daemon with the library that COUNT_ALLOCATIONS names preloaded."""

    @property
    def count_path(self) -> Path:
        return self.lab.folder / f"{self.name}.allocations"

    def launch(self, *arguments: str) -> None:
        counting = {"LD_PRELOAD": os.environ["COUNT_ALLOCATIONS"],
                    "ALLOCATION_COUNT": str(self.count_path)}
        os.environ.update(counting)
        try:
            super().launch(*arguments)
        finally:
            for name in counting:
                del os.environ[name]

    def allocations(self) -> int:
        return struct.unpack("Q", self.count_path.read_bytes())[0]


def allocates_nothing_per_packet(lab: Lab, kind: str) -> None:
    """TCP both ways costs less than half an allocation a packet, in either daemon"""
    left, right = lab.host("left"), lab.host("right")
    lab.link(left, right, ["192.168.77.1/24"], ["192.168.77.2/24"])
    tunnels = [CountedTunnel(lab, host, kind, [f"10.66.0.{number}/24"])
               for number, host in enumerate((left, right), 1)]
    introduce(*tunnels, left_endpoint=endpoint("192.168.77.1"),
              right_endpoint=endpoint("192.168.77.2"))
    for tunnel in tunnels:
        tunnel.start()
    ping(left, "10.66.0.2")
    for octets in (WARM_OCTETS, OCTETS):  # the last is what counts
        before = [tunnel.allocations() for tunnel in tunnels]
        require(all(before), "the preloaded library counts nothing")
        transfer_tcp(left, right, "10.66.0.2", octets)
    for tunnel, start in zip(tunnels, before):
        rate = (tunnel.allocations() - start) / (2 * OCTETS / SEGMENT_OCTETS)
        require(0 < rate < ALLOCATIONS_PER_PACKET_MAX,
                f"{tunnel.host.name} allocated {rate:.2f} times a packet")


def scenarios() -> list[Scenario]:
    return [scenario(allocates_nothing_per_packet, "troupe")]


if __name__ == "__main__":
    main(scenarios())
