"""Traffic whose times are known, for what is said of delay and of rates.

Hosts of the lab share a machine, perhaps with a compiler. So what took too long is `Late`, and
tried again; a kernel's time stamps tell when something came, however late Python reads it.
"""
import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Self

from lab import Failure, Host, require, wait_until
from packets import Train
from traffic import tcp_pair
from wire import ETH_P_ALL, INITIATION, RESPONSE, SO_RCVBUFFORCE

TRIES = 5
FLOW_PORT = 7007
SO_TIMESTAMPNS = 35
RECEIVE_BUFFER = 64 << 20
STOP_LOOKS_S = 0.2
S = 1_000_000_000  # In nanoseconds, as the kernel's stamps are, of the real-time clock.
NEVER = float("inf")


class Late(Failure):
    """What a busy machine may be to blame for."""


def note(text: str) -> None:
    print(f"  {text}", flush=True)


def try_again(play: Callable[[], None]) -> None:
    """Until it is in time."""
    for number in range(1, TRIES + 1):
        try:
            return play()
        except Late as late:
            note(f"try {number} of {TRIES}: {late}")
            if number == TRIES:
                raise


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Streams:
    """A with-block: TCP connections from left, each as full as it gets both ways."""

    def __init__(self, left: Host, right: Host, right_address: str, count: int) -> None:
        self.ends = [end for _ in range(count) for end in tcp_pair(left, right, right_address)]
        self.going = True
        self.came = [0] * len(self.ends)
        self.pool = ThreadPoolExecutor(2 * len(self.ends))

    def __enter__(self) -> "Streams":
        for number, end in enumerate(self.ends):
            self.pool.submit(self.push, end)
            self.pool.submit(self.drain, number, end)
        return self

    def __exit__(self, *_: object) -> None:
        self.going = False
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # Wakes the threads; closing would not.
        self.pool.shutdown()
        for end in self.ends:
            end.close()

    def push(self, end: socket.socket) -> None:
        content = bytes(1 << 16)
        while self.going:
            end.send(content)

    def drain(self, number: int, end: socket.socket) -> None:
        room = bytearray(1 << 18)
        while self.going and (octets := end.recv_into(room)):
            self.came[number] += octets

    def wait_for_more(self, octets: int) -> None:
        """On every connection, both ways."""
        wanted = [came + octets for came in self.came]
        wait_until(f"{octets} more octets on every connection, both ways",
                   lambda: all(came >= want for came, want in zip(self.came, wanted)))


def prepare_stamped(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    made.settimeout(STOP_LOOKS_S)


def receive_stamped(made: socket.socket, octets: int) -> tuple[bytes, int]:
    content, about, _, _ = made.recvmsg(octets, 64)
    for level, kind, stamp in about:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", stamp)
            return content, seconds * S + nanoseconds
    raise Failure("the kernel told no time of receipt")


class Arrival(NamedTuple):
    sent: int
    came: int


class SteadyFlow:
    """A with-block: datagrams at an even rate, and when each was sent and came."""
    OCTETS = 1200
    CATCH_UP = 50  # So many late ones are sent at once; more are left out.

    def __init__(self, left: Host, right: Host, right_address: str, per_second: int) -> None:
        self.near, self.far = (host.socket(socket.AF_INET, socket.SOCK_DGRAM)
                               for host in (left, right))
        prepare_stamped(self.far)
        self.far.bind((right_address, FLOW_PORT))
        self.near.connect((right_address, FLOW_PORT))
        self.per_second, self.going = per_second, True
        self.sent: list[int] = []
        self.arrivals: list[Arrival] = []
        self.threads = [threading.Thread(target=work) for work in (self.send, self.receive)]

    def __enter__(self) -> "SteadyFlow":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.going = False
        for thread in self.threads:
            thread.join()
        self.near.close()
        self.far.close()

    def send(self) -> None:
        begin, done = time.monotonic(), 0
        while self.going:
            due = int((time.monotonic() - begin) * self.per_second)
            for _ in range(min(due - done, self.CATCH_UP)):
                now = time.time_ns()
                self.sent.append(now)
                self.near.send(struct.pack(">Q", now) + bytes(self.OCTETS - 8))
            done = due
            time.sleep(0.002)

    def receive(self) -> None:
        while self.going:
            with contextlib.suppress(TimeoutError):
                content, came = receive_stamped(self.far, 8)
                self.arrivals.append(Arrival(struct.unpack(">Q", content)[0], came))

    def share_arrived(self, begin: int, end: int) -> float:
        """What arrived in that time, of what was sent in it: 1 is the full rate."""
        sent = sum(begin <= when < end for when in list(self.sent))
        wanted = (end - begin) / S * self.per_second
        if sent < wanted / 2:
            raise Late(f"the machine was too busy to send: {sent} of {wanted:.0f} datagrams")
        return sum(begin <= each.came < end for each in list(self.arrivals)) / sent

    def first(self, is_it: Callable[[Arrival], bool]) -> int:
        """When the first of the kind came."""
        found = next(filter(is_it, list(self.arrivals)), None)
        require(found, "no datagram arrived")
        return found.came


class Tap:
    """A with-block: `take` is given each WireGuard message that passes a link over IPv4, and when
    it did."""

    def __init__(self, host: Host, link: str) -> None:
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        prepare_stamped(self.socket)
        self.socket.bind((link, ETH_P_ALL))
        self.going = True
        self.thread = threading.Thread(target=self.listen)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.going = False
        self.thread.join()
        self.socket.close()

    def listen(self) -> None:
        while self.going:
            with contextlib.suppress(TimeoutError):
                packet, when = receive_stamped(self.socket, 256)
                if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP:
                    self.take(packet[(packet[0] & 15) * 4 + 8:], when)

    def take(self, message: bytes, when: int) -> None:
        raise NotImplementedError


class HandshakeTimes(Tap):
    """When each initiation and each response passed."""

    def __init__(self, host: Host, link: str) -> None:
        super().__init__(host, link)
        # By the initiator's index.
        self.asked: dict[int, int] = {}
        self.answered: dict[int, int] = {}

    def take(self, message: bytes, when: int) -> None:
        for kind, place, times in ((INITIATION, 4, self.asked), (RESPONSE, 8, self.answered)):
            if message[:4] == bytes([kind, 0, 0, 0]):
                times[struct.unpack_from("<I", message, place)[0]] = when

    def ms(self) -> list[float]:
        """Of each handshake."""
        return [(self.answered[index] - asked) / S * 1e3 if index in self.answered else NEVER
                for index, asked in self.asked.items()]


class MessageTimes(Tap):
    """When messages of each kind and length passed."""

    def __init__(self, host: Host, link: str) -> None:
        super().__init__(host, link)
        self.times: dict[tuple[int, int], list[int]] = {}

    def take(self, message: bytes, when: int) -> None:
        self.times.setdefault((message[0], len(message)), []).append(when)

    def pauses_s(self, kind: int, length: int) -> list[float]:
        """Between two of them."""
        times = self.times.get((kind, length), [])
        return [(later - earlier) / S for earlier, later in zip(times, times[1:])]


@contextlib.contextmanager
def flood_of_trains(host: Host, target: str) -> Iterator[None]:
    """A with-block: trains of 64 small datagrams, without a pause."""
    train, going = Train(bytes(64 * 64), 64), True

    def send() -> None:
        with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.connect((target, 9))
            while going:
                with contextlib.suppress(OSError):  # An ICMP message says that nobody listens.
                    train.send(made)
    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        going = False
        thread.join()


def ping_ms(host: Host, target: str, count: int, interval: float) -> list[float]:
    """Of those that were answered."""
    done = host.run("ping", "-n", "-i", f"{interval:g}", "-c", str(count), "-W", "2", target,
                    fails=True, timeout=count * interval + 60)
    return [float(each) for each in re.findall(r"time=([\d.]+) ms", done.stdout)]
