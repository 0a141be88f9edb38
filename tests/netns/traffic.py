"""Traffic whose content is verified at the far end: pings, whole IP packets of any size, TCP."""
import contextlib
import hashlib
import os
import random
import socket
import struct
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from lab import Failure, Host, require

# RFC 3692: a protocol number for experiments, so that a packet can be as short as its IP header.
EXPERIMENT = 253
TCP_PORT = 5001
IP_HEADER = {4: 20, 6: 40}
ICMP = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
ECHO_REQUEST, ECHO_REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
# A machine may be busy; who gives up notices a loss, and does not time.
ANSWER_S = 10.0

# Sets a socket's options.
Prepare = Callable[[socket.socket], None]


def leave_alone(_: socket.socket) -> None:
    pass


def version_of(address: str) -> int:
    return 6 if ":" in address else 4


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def internet_checksum(octets: bytes) -> int:
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


class Echo:
    """ICMP echo, every reply waited for. ping(8) gives the last ones no more than the time of two
    round trips once any reply has come, which a busy machine takes for a scheduling."""

    def __init__(self, made: socket.socket, target: str) -> None:
        self.socket, self.target, self.version = made, target, version_of(target)
        self.mark = random.getrandbits(16)
        self.content = os.urandom(56)
        self.answered: set[int] = set()

    def send(self, number: int) -> None:
        def message(checksum: int) -> bytes:
            return struct.pack(">BBHHH", ECHO_REQUEST[self.version], 0, checksum, self.mark,
                               number) + self.content
        # Over IPv6 the kernel fills in the checksum.
        self.socket.sendto(message(internet_checksum(message(0)) if self.version == 4 else 0),
                           (self.target, 0))

    def collect(self, wanted: int, seconds: float) -> None:
        """Until so many are answered, or the time is up."""
        deadline = time.monotonic() + seconds
        while len(self.answered) < wanted and (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                message = receive_payload(self.socket, self.version)
            except TimeoutError:
                return
            kind, _, _, mark, number = struct.unpack(">BBHHH", message[:8])
            if (kind, mark) == (ECHO_REPLY[self.version], self.mark):
                require(message[8:] == self.content, f"{self.target} changed what it echoed")
                self.answered.add(number)


def pings_answered(host: Host, target: str, count: int = 1, interval: float = 0.05,
                   wait: float = ANSWER_S, source: str | None = None) -> int:
    """How many of `count` are answered until `wait` seconds after the last was sent."""
    with host.socket(family_of(target), socket.SOCK_RAW, ICMP[version_of(target)]) as made:
        if source:
            made.bind((source, 0))
        echo = Echo(made, target)
        for number in range(count):
            echo.send(number)
            echo.collect(count, interval if number < count - 1 else wait)
        return len(echo.answered)


def ping(host: Host, target: str, count: int = 1, **how) -> None:
    answered = pings_answered(host, target, count, **how)
    require(answered == count, f"{host.name}: {answered} of {count} pings to {target} answered")


def reaches(host: Host, target: str) -> bool:
    """For what may not be yet, or must not be: one ping, and not long waited for."""
    return pings_answered(host, target, wait=1.0) == 1


def raw_socket(host: Host, address: str) -> socket.socket:
    made = host.socket(family_of(address), socket.SOCK_RAW, EXPERIMENT)
    made.bind((address, 0))
    made.settimeout(10)
    return made


def receive_payload(made: socket.socket, version: int) -> bytes:
    packet = made.recv(1 << 16)
    return packet[(packet[0] & 15) * 4:] if version == 4 else packet


def echo_packets(left: Host, right: Host, left_address: str, right_address: str,
                 packet_lengths: Iterable[int]) -> None:
    """Sends an IP packet of each length, header included, from left to right and back again."""
    version = version_of(left_address)
    content = random.Random(1).randbytes(1 << 16)
    with raw_socket(left, left_address) as near, raw_socket(right, right_address) as far:
        for length in packet_lengths:
            payload = content[:length - IP_HEADER[version]]
            try:
                near.sendto(payload, (right_address, 0))
                require(receive_payload(far, version) == payload,
                        f"a packet of {length} octets was changed on its way there")
                far.sendto(payload, (left_address, 0))
                require(receive_payload(near, version) == payload,
                        f"a packet of {length} octets was changed on its way back")
            except TimeoutError:
                raise Failure(f"a packet of {length} octets to {right_address} got lost") from None


def tcp_pair(left: Host, right: Host, right_address: str,
             prepare: Prepare = leave_alone) -> tuple[socket.socket, socket.socket]:
    """Connected from left. `prepare` has every socket before it speaks, and the accepted one."""
    with right.socket(family_of(right_address), socket.SOCK_STREAM) as listener:
        listener.settimeout(20)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        prepare(listener)
        listener.bind((right_address, TCP_PORT))
        listener.listen()
        near = left.socket(family_of(right_address), socket.SOCK_STREAM)
        near.settimeout(20)
        prepare(near)
        near.connect((right_address, TCP_PORT))
        far, _ = listener.accept()
        far.settimeout(20)
        prepare(far)
        return near, far


def send_all(made: socket.socket, seed: int, octets: int) -> str:
    """The SHA-256 of what was sent."""
    generator, digest = random.Random(seed), hashlib.sha256()
    while octets > 0:
        piece = generator.randbytes(min(octets, 1 << 16))
        digest.update(piece)
        made.sendall(piece)
        octets -= len(piece)
    made.shutdown(socket.SHUT_WR)
    return digest.hexdigest()


def receive_all(made: socket.socket) -> str:
    """The SHA-256 of what came."""
    digest = hashlib.sha256()
    while piece := made.recv(1 << 18):
        digest.update(piece)
    return digest.hexdigest()


def transfer_tcp(left: Host, right: Host, right_address: str, octets: int = 8 << 20,
                 prepare: Prepare = leave_alone) -> None:
    """Over one connection from left."""
    exchange(*tcp_pair(left, right, right_address, prepare), octets)


def exchange(near: socket.socket, far: socket.socket, octets: int) -> None:
    """Both ways at once; what arrives is what was sent."""
    with near, far, ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(send_all, near, 1, octets), pool.submit(send_all, far, 2, octets)]
        came = [pool.submit(receive_all, far), pool.submit(receive_all, near)]
        for way, outgoing, incoming in zip(("there", "back"), sent, came):
            try:
                same = outgoing.result() == incoming.result()
            except TimeoutError:
                raise Failure(f"TCP stalled on its way {way}") from None
            require(same, f"TCP data changed on its way {way}")


def flood(host: Host, target: str, goes_on: Callable[[], bool]) -> int:
    """Bursts of datagrams to where nobody reads; how many were sent."""
    sent = 0
    with host.socket(family_of(target), socket.SOCK_DGRAM) as made:
        while goes_on():
            try:
                for _ in range(50):
                    made.sendto(bytes(1200), (target, 9))
                    sent += 1
            except OSError:  # The interface may go, and its routes: that is the test.
                pass
            time.sleep(0.002)
    return sent


class Load:
    """A with-block: TCP both ways and a flood, to its end, whatever becomes of the way between."""

    def __init__(self, left: Host, right: Host, right_address: str) -> None:
        self.ends = tcp_pair(left, right, right_address)
        self.going = True
        self.pool = ThreadPoolExecutor(5)
        self.pool.submit(flood, left, right_address, lambda: self.going)
        for end in self.ends:
            self.pool.submit(self.push, end)
            self.pool.submit(self.drain, end)

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self.going = False
        for end in self.ends:
            with contextlib.suppress(OSError):  # What still came to the first has reset the other.
                end.shutdown(socket.SHUT_RDWR)  # Wakes the threads; closing would not.
        self.pool.shutdown()
        for end in self.ends:
            end.close()

    def push(self, end: socket.socket) -> None:
        while self.going:
            end.send(bytes(1 << 16))

    def drain(self, end: socket.socket) -> None:
        while self.going:
            end.recv(1 << 18)
