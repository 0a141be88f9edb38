"""Packets that offloads treat in their own way: sockets that make them, datagrams that must arrive
whole and in order, and how many of a kind pass a link."""
import contextlib
import ctypes
import random
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from lab import Failure, Host, require
from traffic import Prepare, family_of, leave_alone

UDP_PORT = 5002
SO_NO_CHECK, SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_NETNS_COOKIE = 11, 26, 33, 71
LOOSE_SOURCE_ROUTE = 131
IPV6_HOPOPTS, IPV6_DSTOPTS = 54, 59
UDP_SEGMENT = 103
SOL_PACKET, PACKET_STATISTICS, ETH_P_ALL = 263, 6, 0x0003
RECEIVE_BUFFER = 8 << 20
# What may be under way at once, as packets of the smallest MTU: the kernel's queue of a TUN device
# has room for 500, and the socket of Debian's wireguard-go has the kernel's default.
UNDER_WAY, UNDER_WAY_REFERENCE = 400, 64
PACKET_OCTETS = 500

End = tuple[str, int]  # Address and port.
Sockets = tuple[socket.socket, socket.socket]

# --- Sockets whose packets are of a rare kind


def max_segment(octets: int) -> Prepare:
    return lambda made: made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, octets)


def ipv4_options(options: bytes) -> Prepare:
    return lambda made: made.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)


def ipv6_options(*kinds: int) -> Prepare:
    """Extension headers of one padding option each (RFC 8200 section 4.2); the kernel fills in
    what follows them."""
    def prepare(made: socket.socket) -> None:
        for kind in kinds:
            made.setsockopt(socket.IPPROTO_IPV6, kind, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
    return prepare


def ipv4_route(hop: str) -> Prepare:
    """By way of the hop (RFC 791 section 3.1); the kernel puts the target behind it."""
    return ipv4_options(bytes([LOOSE_SOURCE_ROUTE, 7, 4]) + socket.inet_aton(hop))


def no_checksum(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)


def only_at(host: Host, prepare: Prepare) -> Prepare:
    """For those of the sockets that live in the host."""
    def home(made: socket.socket) -> bytes:
        return made.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sample:
        here = home(sample)
    return lambda made: prepare(made) if home(made) == here else None


# --- Datagrams


class Train(NamedTuple):
    """Datagrams of `each` octets, the last perhaps of fewer, that are sent in one call."""
    content: bytes
    each: int

    def datagrams(self) -> list[bytes]:
        return [self.content[at:at + self.each]
                for at in range(0, len(self.content), self.each)] or [b""]

    def packets(self) -> int:
        return sum(1 + len(datagram) // PACKET_OCTETS for datagram in self.datagrams())

    def send(self, near: socket.socket) -> None:
        joined = len(self.content) > self.each
        near.sendmsg([self.content], [(socket.IPPROTO_UDP, UDP_SEGMENT,
                                       struct.pack("H", self.each))] if joined else [])


def trains(seed: int, shapes: Iterable[tuple[int, int]]) -> list[Train]:
    """Of random content; a shape is the octets of all, and of each."""
    generator = random.Random(seed)
    return [Train(generator.randbytes(octets), each) for octets, each in shapes]


def singles(seed: int, lengths: Iterable[int]) -> list[Train]:
    return trains(seed, ((length, max(length, 1)) for length in lengths))


def receiving(at: End) -> Prepare:
    def prepare(made: socket.socket) -> None:
        made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        made.settimeout(10)
        made.bind(at)
    return prepare


def udp_pair(left: Host, right: Host, right_address: str, prepare: Prepare = leave_alone,
             port: int = UDP_PORT) -> Sockets:
    """Connected from left; `prepare` has the left one."""
    near, far = (host.socket(family_of(right_address), socket.SOCK_DGRAM) for host in (left, right))
    receiving((right_address, port))(far)
    prepare(near)
    near.connect((right_address, port))
    return near, far


def udp_pair_both_ways(left: Host, right: Host, left_end: End, right_end: End) -> Sockets:
    """Connected to each other."""
    right_address, port = right_end
    near, far = udp_pair(left, right, right_address, receiving(left_end), port)
    far.connect(left_end)
    return near, far


def receive_datagrams(far: socket.socket, expected: Iterable[bytes]) -> None:
    for number, datagram in enumerate(expected):
        try:
            came = far.recv(1 << 16)
        except TimeoutError:
            raise Failure(f"datagram {number} of {len(datagram)} octets got lost") from None
        require(came == datagram, f"in place of datagram {number} of {len(datagram)} octets came "
                                  f"{len(came)} others")


def portions(sent: list[Train], under_way: int) -> Iterator[list[Train]]:
    """What may be under way at once."""
    portion: list[Train] = []
    for train in sent:
        if portion and sum(one.packets() for one in [*portion, train]) > under_way:
            yield portion
            portion = []
        portion.append(train)
    yield portion


def carry(left: Host, right: Host, right_address: str, sent: list[Train],
          prepare: Prepare = leave_alone, under_way: int = UNDER_WAY) -> None:
    """From left to right: every datagram arrives, whole and in its order."""
    near, far = udp_pair(left, right, right_address, prepare)
    with near, far:
        for portion in portions(sent, under_way):
            for train in portion:
                train.send(near)
            receive_datagrams(far, [each for train in portion for each in train.datagrams()])


class Flow:
    """Of trains, from one socket to another that are connected, as fast as they go with so many
    under way."""

    def __init__(self, near: socket.socket, far: socket.socket, sent: list[Train],
                 under_way: int = 2) -> None:
        self.near, self.far, self.sent = near, far, sent
        self.credit = threading.Semaphore(under_way)

    def send(self) -> None:
        for train in self.sent:
            if not self.credit.acquire(timeout=20):
                return  # `receive` says why.
            train.send(self.near)

    def receive(self) -> None:
        for train in self.sent:
            receive_datagrams(self.far, train.datagrams())
            self.credit.release()


def play(flows: list[Flow]) -> None:
    """All at the same time, and their sockets' last."""
    with contextlib.ExitStack() as sockets, ThreadPoolExecutor(2 * len(flows)) as pool:
        for flow in flows:
            for end in (flow.near, flow.far):
                sockets.enter_context(end)
        for work in [pool.submit(part) for flow in flows for part in (flow.receive, flow.send)]:
            work.result()


# --- Packets that pass a link

INCOMING, OUTGOING = 0, 4  # PACKET_HOST, PACKET_OUTGOING
PACKET_TYPE_AT = (1 << 32) - 0x1000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
LOAD_LENGTH, LOAD_OCTET, AND, IF_EQUAL, IF_GREATER, RETURN = 0x80, 0x30, 0x54, 0x15, 0x25, 0x06

# Octets of an IP packet as (place, mask, value).
Octets = list[tuple[int, int, int]]
ANY: Octets = []
IPV4_OPTIONS_OF_4: Octets = [(0, 0xff, 0x46)]
IPV4_OPTIONS_OF_40: Octets = [(0, 0xff, 0x4f)]
IPV4_ROUTE: Octets = [(0, 0xff, 0x47), (20, 0xff, LOOSE_SOURCE_ROUTE)]
IPV4_FRAGMENT: Octets = [(0, 0xf0, 0x40), (6, 0x20, 0x20)]
IPV4_UDP: Octets = [(0, 0xff, 0x45), (9, 0xff, socket.IPPROTO_UDP)]
IPV4_UDP_NO_CHECKSUM: Octets = [*IPV4_UDP, (26, 0xff, 0), (27, 0xff, 0)]
IPV6_FRAGMENT: Octets = [(0, 0xf0, 0x60), (6, 0xff, socket.IPPROTO_FRAGMENT)]
IPV6_HOP_BY_HOP: Octets = [(0, 0xf0, 0x60), (6, 0xff, socket.IPPROTO_HOPOPTS)]
IPV6_ROUTE: Octets = [(0, 0xf0, 0x60), (6, 0xff, socket.IPPROTO_ROUTING)]
IPV6_DESTINATION: Octets = [(0, 0xf0, 0x60), (6, 0xff, socket.IPPROTO_DSTOPTS)]


def filter_program(way: int, longer_than: int, octets: Octets) -> list[tuple[int, int, int, int]]:
    """Classic BPF: each condition jumps over the instruction that refuses the packet."""
    refuse = (RETURN, 0, 0, 0)
    program = [(LOAD_OCTET, 0, 0, PACKET_TYPE_AT), (IF_EQUAL, 1, 0, way), refuse,
               (LOAD_LENGTH, 0, 0, 0), (IF_GREATER, 1, 0, longer_than), refuse]
    for place, mask, value in octets:
        program += [(LOAD_OCTET, 0, 0, place), (AND, 0, 0, mask), (IF_EQUAL, 1, 0, value), refuse]
    return [*program, (RETURN, 0, 0, 1)]


class Count:
    """A with-block: how many IP packets pass a link one way that are longer than so many octets
    and have these among them. Joined ones count as the one packet that they are there."""

    def __init__(self, host: Host, link: str, way: int, longer_than: int = 0,
                 octets: Octets | None = None) -> None:
        program = b"".join(struct.pack("=HBBI", *one)
                           for one in filter_program(way, longer_than, octets or ANY))
        held = ctypes.create_string_buffer(program, len(program))
        self.seen = 0
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                               struct.pack("HL", len(program) // 8, ctypes.addressof(held)))
        self.socket.bind((link, ETH_P_ALL))

    def __enter__(self) -> "Count":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def packets(self) -> int:
        """Since the beginning; the kernel counts, and forgets what it has told."""
        told = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.seen += struct.unpack("II", told)[0]
        return self.seen


# --- What a host's kernel says of the packets that came to it

FAULTS = ("IpInHdrErrors", "IcmpInCsumErrors", "TcpInErrs", "TcpInCsumErrors", "UdpInCsumErrors",
          "Ip6InHdrErrors", "Icmp6InCsumErrors", "Udp6InCsumErrors")


def kernel_counts(host: Host) -> dict[str, int]:
    """By the names that nstat(8) has for them."""
    def read(name: str) -> list[str]:
        with open(f"/proc/thread-self/net/{name}", encoding="ascii") as opened:
            return opened.read().splitlines()
    found = {}
    for name in ("snmp", "netstat"):
        lines = host.call_inside(lambda: read(name))
        for names, values in zip(lines[::2], lines[1::2]):
            layer, *columns = names.replace(":", "").split()
            found.update(zip((layer + column for column in columns),
                             map(int, values.split()[1:])))
    for line in host.call_inside(lambda: read("snmp6")):
        name, value = line.split()
        found[name] = int(value)
    return found


def faults(host: Host) -> dict[str, int]:
    """How many were not as they should be."""
    counts = kernel_counts(host)
    return {name: counts[name] for name in FAULTS if counts[name] > 0}
