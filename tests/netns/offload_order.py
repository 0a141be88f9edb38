"""Order: no packet overtakes another of its flow, whatever the number of queues."""
import itertools
import random
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from lab import Lab, require
from offload_pair import MIB, READ, WROTE, Pair, batches
from packets import (End, Flow, Sockets, kernel_counts, play, receive_datagrams, singles, trains,
                     udp_pair, udp_pair_both_ways)
from traffic import exchange, family_of, tcp_pair
from tunnel import Tunnel

QUEUES = [(4, 4), (1, 1), (4, 1)]
MIXED_LENGTHS = (200, 500, 1000, 1300)


def require_queues(tunnel: Tunnel, queues: int, *stages: tuple[str, str]) -> None:
    """Packets passed more than one queue where there are several."""
    for stage in stages:
        used = {actor for actor, packets in batches(tunnel, stage) if packets > 0}
        require((len(used) > 1) == (queues > 1),
                f"of {queues} queues packets passed {sorted(used)} at {tunnel.host.name}")


def order(lab: Lab, left: int, right: int) -> None:
    """No datagram overtakes another of its flow, whatever the number of queues"""
    pair = Pair(lab, settings=({"queues": left}, {"queues": right}))
    generator = random.Random(9)
    shapes = [(each * generator.randrange(1, 16) - generator.randrange(200), each)
              for each in generator.choices(MIXED_LENGTHS, k=60)]
    play([Flow(*udp_pair(pair.left.host, pair.right.host, pair.right.inner(4 if number % 2 else 6),
                         port=7000 + number), trains(number, shapes)) for number in range(12)])
    require_queues(pair.left, left, READ)
    require_queues(pair.right, right, WROTE)
    pair.require_clean()


def parallel_tcp(lab: Lab, left: int, right: int) -> None:
    """Many TCP connections at once carry data unchanged and in order, whatever the number of
    queues"""
    pair = Pair(lab, settings=({"queues": left}, {"queues": right}))
    connections = [tcp_pair(pair.left.host, pair.right.host, pair.right.inner(version))
                   for version in (4, 6) for _ in range(6)]
    with ThreadPoolExecutor(len(connections)) as pool:
        for work in [pool.submit(exchange, *ends, MIB) for ends in connections]:
            work.result()
    for tunnel, queues in zip(pair.ends, (left, right)):
        require_queues(tunnel, queues, READ, WROTE)
        # What a queue of the kernel lost comes late too: only what was never sent again counts.
        counts = kernel_counts(tunnel.host)
        overtaken = counts["TcpExtTCPSACKReorder"] + counts["TcpExtTCPTSReorder"]
        require(overtaken == 0, f"{overtaken} segments from {tunnel.host.name} were overtaken")
    pair.require_clean()


# --- Flows that meet in one entry of the table of queues (actors/flow_queues.hpp)

ENTRIES = 4096
MEETING = 9
FULL_64 = (1 << 64) - 1


def hash_end(address: str, port: int) -> int:
    """As in messages/flow.cpp."""
    value = port
    for (word,) in struct.iter_unpack(">I", socket.inet_pton(family_of(address), address)):
        value = (value * 0x9e3779b97f4a7c15 + word) & FULL_64
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9 & FULL_64
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb & FULL_64
    return (value ^ (value >> 31)) & 0xffffffff


def meeting_ends(left: str, right: str, entry: int) -> Iterator[tuple[End, End]]:
    """Of UDP flows between these addresses that all meet in the entry."""
    for right_port in itertools.count(7100 + 100 * entry):
        others = hash_end(right, right_port) + socket.IPPROTO_UDP
        yield next((left, port) for port in range(1024, 1 << 16)
                   if (hash_end(left, port) + others) % ENTRIES == entry), (right, right_port)


def settle(ends: Sockets) -> None:
    """The kernel moves a flow to the queue that it is first written to, whatever waits in another.
    """
    for near, far in (ends, ends[::-1]) * 2:
        near.send(b"first")
        receive_datagrams(far, [b"first"])


def order_of_meeting(lab: Lab, queues: int) -> None:
    """No datagram overtakes another of its flow where flows there, back, and both ways meet in an
    entry of the table of queues"""
    pair = Pair(lab, settings=({"queues": queues}, {"queues": queues}))
    generator = random.Random(10)
    flows: list[Flow] = []

    def flow(near: socket.socket, far: socket.socket) -> Flow:
        lengths = generator.choices(MIXED_LENGTHS, k=600)
        return Flow(near, far, singles(len(flows), lengths), under_way=8)
    for entry in range(queues):  # Each has another queue for what it does not hold.
        version = 4 if entry % 2 else 6
        met = meeting_ends(pair.left.inner(version), pair.right.inner(version), entry)
        for number, ends in enumerate(itertools.islice(met, MEETING)):
            near, far = udp_pair_both_ways(pair.left.host, pair.right.host, *ends)
            if number % 3 == 0:
                settle((near, far))
            if number % 3 != 1:
                flows.append(flow(near, far))
            if number % 3 != 2:
                flows.append(flow(far, near))
    play(flows)
    for tunnel in pair.ends:
        require_queues(tunnel, queues, READ, WROTE)
    pair.require_clean()
