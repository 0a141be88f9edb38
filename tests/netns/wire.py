"""A wire tap on the underlay: which WireGuard messages passed, in order, and how long they were."""
import select
import socket
import struct
import threading
from dataclasses import dataclass

from lab import Host

INITIATION, RESPONSE, COOKIE_REPLY, DATA = 1, 2, 3, 4
LENGTHS = {INITIATION: 148, RESPONSE: 92, COOKIE_REPLY: 64}
DATA_OVERHEAD = 32
KEEPALIVE = DATA_OVERHEAD

ETH_P_ALL = 0x0003
SO_RCVBUFFORCE = 33
PACKET_BYTES_KEPT = 96
CAPTURE_BUFFER = 64 << 20


@dataclass
class Message:
    source: str
    source_port: int
    target: str
    target_port: int
    traffic_class: int
    kind: int
    length: int


def parse(packet: bytes) -> Message | None:
    """An IP packet, whole or its beginning. Nothing when it carries no WireGuard message."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and packet[9] == socket.IPPROTO_UDP:
        start = (packet[0] & 15) * 4
        traffic_class, family, addresses = packet[1], socket.AF_INET, (packet[12:16], packet[16:20])
    elif version == 6 and packet[6] == socket.IPPROTO_UDP:
        start = 40
        traffic_class = struct.unpack(">H", packet[:2])[0] >> 4 & 0xff
        family, addresses = socket.AF_INET6, (packet[8:24], packet[24:40])
    else:
        return None
    if len(packet) < start + 12:
        return None
    source_port, target_port, udp_length = struct.unpack(">HHH", packet[start:start + 6])
    kind, *reserved = packet[start + 8:start + 12]
    if kind not in (INITIATION, RESPONSE, COOKIE_REPLY, DATA) or any(reserved):
        return None
    source, target = (socket.inet_ntop(family, address) for address in addresses)
    return Message(source, source_port, target, target_port, traffic_class, kind, udp_length - 8)


class Tap:
    """A with-block: all messages that pass a link of a host, both ways, from its first line on."""

    def __init__(self, host: Host, link: str) -> None:
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, CAPTURE_BUFFER)
        self.socket.bind((link, ETH_P_ALL))
        self.wake, self.woken = socket.socketpair()
        self.passed: list[Message] = []
        self.thread = threading.Thread(target=self.listen)

    def __enter__(self) -> "Tap":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wake.close()
        self.thread.join()
        self.woken.close()
        self.socket.close()

    def listen(self) -> None:
        while True:
            ready, _, _ = select.select([self.socket, self.woken], [], [])
            if self.socket not in ready:
                return
            message = parse(self.socket.recv(PACKET_BYTES_KEPT))
            if message:
                self.passed.append(message)

    def of_kind(self, *kinds: int) -> list[Message]:
        return [message for message in list(self.passed) if message.kind in kinds]

    def handshakes(self) -> list[Message]:
        return self.of_kind(INITIATION, RESPONSE, COOKIE_REPLY)


def oddly_long(messages: list[Message], mtu: int) -> list[int]:
    """Lengths that no message has: data is padded to 16, but never above the MTU."""
    return [message.length for message in messages
            if (message.length != LENGTHS[message.kind] if message.kind != DATA
                else message.length % 16 != 0 and message.length != mtu + DATA_OVERHEAD)]
