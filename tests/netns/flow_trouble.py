"""Troubles for a pair of tunnels, to be played at random beside their traffic: packets that cannot
be carried, datagrams that nobody asked for, and ways that are blocked for a while."""
import contextlib
import random
import signal
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flow_lab import INSIDE, OUTSIDE, Choke, Pair, SetTunnel, tool
from lab import Host, Lab
from packets import OUTGOING, SOL_PACKET
from tunnel import PORT, Peer, endpoint, new_key, public_of
from wire import DATA, ETH_P_ALL, LENGTHS

# Of the left tunnel: a peer that never answers, one that has no endpoint; and nobody's address.
SILENT, UNPLACED, NOBODY = "10.66.0.9", "10.66.0.8", "10.66.0.200"
# The right host has it, and the left tunnel does not know.
SPOOFED = "10.66.0.77"
PAUSE_S = 0.1
# <linux/if_packet.h>, <linux/virtio_net.h>
MTU_MAX = 65472  # messages/limits.hpp
PACKET_VNET_HDR, NEEDS_CHECKSUM, GSO_TCPV4 = 15, 1, 1


class Troubled(Pair):
    """Such a pair. Its wire takes no segments, so that what passes can be sent again as it is."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, segments=False)
        self.silent = Peer(public_of(new_key()), [f"{SILENT}/32"], f"{OUTSIDE[1]}:9")
        self.left.peers += [self.silent, Peer(public_of(new_key()), [f"{UNPLACED}/32"])]
        self.start()
        self.right.host.add_addresses(self.right.name, f"{SPOOFED}/24")


def send_some(host: Host, target: str, chance: random.Random, longest: int,
              source: str = "", most: int = 400) -> None:
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        if source:
            made.bind((source, 0))
        for _ in range(chance.randint(most // 4, most)):
            with contextlib.suppress(OSError):  # What cannot be sent now is none of the daemon's.
                made.sendto(bytes(chance.randint(0, longest)), (target, 9))


# --- Packets


def burst(pair: Troubled, chance: random.Random) -> None:
    way = chance.randrange(2)
    send_some(pair.ends[way].host, INSIDE[1 - way], chance, chance.choice((60, 1392, 9000)),
              most=2000)


def for_nobody(pair: Troubled, chance: random.Random) -> None:
    """More of them than may wait for a peer that is silent."""
    for target in (NOBODY, SILENT, UNPLACED):
        send_some(pair.left.host, target, chance, 1392, most=600)


def spoofed(pair: Troubled, chance: random.Random) -> None:
    send_some(pair.right.host, INSIDE[0], chance, 1392, source=SPOOFED)


def passed_by(host: Host, link: str, count: int) -> list[bytes]:
    """WireGuard messages that the host sends."""
    found: list[bytes] = []
    with host.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as tap:
        tap.bind((link, ETH_P_ALL))
        tap.settimeout(PAUSE_S)
        deadline = time.monotonic() + PAUSE_S
        while len(found) < count and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                packet, about = tap.recvfrom(1 << 16)
                if about[2] == OUTGOING and packet[9] == socket.IPPROTO_UDP:
                    found.append(packet[28:])
    return found


def junk(chance: random.Random) -> bytes:
    """Nothing, anything, or what looks like a WireGuard message from afar."""
    kind = chance.randrange(6)
    if kind in LENGTHS:
        return bytes([kind, 0, 0, 0]) + chance.randbytes(LENGTHS[kind] - 4)
    octets = chance.randbytes(chance.choice((0, 1, 4, 31, 32, 148, 1400, 4000)))
    return bytes([DATA, 0, 0, 0]) + octets if kind == DATA else octets


def junk_datagrams(pair: Troubled, chance: random.Random) -> None:
    """Also copies of good ones, and some with a counter that was not seen yet."""
    way = chance.randrange(2)
    sender = pair.ends[way]
    with sender.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as made, \
            ThreadPoolExecutor(1) as pool:
        tapped = pool.submit(passed_by, sender.host, pair.links[way], 40)
        send_some(sender.host, INSIDE[1 - way], chance, 100)
        for message in tapped.result():
            changed = message[:8] + struct.pack("<Q", chance.getrandbits(40)) + message[16:]
            for datagram in (message, changed, junk(chance), junk(chance)):
                with contextlib.suppress(OSError):
                    made.sendto(datagram, (OUTSIDE[1 - way], PORT))


def strangers(pair: Troubled, chance: random.Random) -> None:
    """Initiations of whom nobody knows, so many that some are asked for a cookie."""
    way = chance.randrange(2)
    count = str(chance.choice((8, 40, 200)))
    pair.ends[way].host.run(tool("handshake-load"), "run", endpoint(OUTSIDE[1 - way]),
                            pair.ends[1 - way].public_key, count, count, fails=True)


def no_packets(pair: Troubled, chance: random.Random) -> None:
    """What the device takes though it is no IP packet, or not as long as it says."""
    tunnel = chance.choice(pair.ends)
    with tunnel.host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as made, \
            contextlib.suppress(OSError):
        made.bind((tunnel.name, 0x0800))
        for _ in range(chance.randint(20, 100)):
            made.send(bytes([chance.choice((0x00, 0x45, 0x60, 0xf0))]) +
                      chance.randbytes(chance.randint(0, 60)))


def huge_segments(pair: Troubled, chance: random.Random) -> None:
    """Super-packets whose segments are larger than any datagram that could carry them."""
    tunnel = chance.choice(pair.ends)
    source, target = (socket.inet_aton(address) for address in INSIDE)
    about = struct.pack("=BBHHHH", NEEDS_CHECKSUM, GSO_TCPV4, 40, MTU_MAX, 20, 16)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 65535, 0, 0, 64, socket.IPPROTO_TCP, 0, source,
                     target)
    tcp = struct.pack(">HHIIBBHHH", 7, 7, 0, 0, 5 << 4, 16, 0, 0, 0)
    with tunnel.host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as made:
        made.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        made.bind((tunnel.name, 0x0800))
        made.send(about + ip + tcp + bytes(65535 - 40))


def narrow_tunnel(pair: Troubled, chance: random.Random) -> None:
    """For a moment packets pass that are larger than the daemon knows, or once knew."""
    tunnel = chance.choice(pair.ends)
    for mtu in (chance.choice((576, 1000, 1400)), tunnel.mtu):
        tunnel.host.ip("link", "set", tunnel.name, "mtu", str(mtu))
        send_some(tunnel.host, INSIDE[1 - pair.ends.index(tunnel)], chance, 1392)


def no_way_out(pair: Troubled, chance: random.Random) -> None:
    """No route to the peer, or a packet filter against what is sent there."""
    number = chance.randrange(2)
    host, network = pair.ends[number].host, OUTSIDE[0].rsplit(".", 1)[0] + ".0/24"
    if chance.random() < 0.5:
        host.ip("route", "del", network)
        time.sleep(PAUSE_S)
        host.ip("route", "add", network, "dev", pair.links[number], "src", OUTSIDE[number])
    else:
        host.run("nft", "-f", "-", text=f"""
            table ip refuse {{
              chain leave {{ type filter hook output priority 0;
                udp dport {PORT} drop; }}
            }}""")
        time.sleep(PAUSE_S)
        host.run("nft", "delete", "table", "ip", "refuse")


def narrow_wire(pair: Troubled, chance: random.Random) -> None:
    number = chance.randrange(2)
    for mtu in (chance.choice((1000, 1300)), 1500):
        pair.ends[number].host.ip("link", "set", pair.links[number], "mtu", str(mtu))
        time.sleep(PAUSE_S)


def peer_goes(pair: Troubled, chance: random.Random) -> None:
    """And with it what waits for its handshake."""
    send_some(pair.left.host, SILENT, chance, 100, most=200)
    pair.left.set_peer(pair.silent, "remove")
    pair.left.set_peer(pair.silent, "endpoint", pair.silent.endpoint, "allowed-ips",
                       pair.silent.allowed_ips[0])


# --- Blockages: nothing passes one end for some seconds


def stalled_socket(near: SetTunnel, far: SetTunnel, seconds: float) -> None:
    with Choke(near, far):
        time.sleep(seconds)


def restarted(near: SetTunnel, _: SetTunnel, seconds: float) -> None:
    near.stop()
    time.sleep(seconds / 4)
    near.start()


def restarted_while_stalled(near: SetTunnel, far: SetTunnel, seconds: float) -> None:
    with Choke(near, far):
        time.sleep(seconds / 2)
        restarted(near, far, seconds)
        time.sleep(seconds / 2)


def stopped(near: SetTunnel, _: SetTunnel, seconds: float) -> None:
    """The daemon does not run, and the kernel's queues on both sides of it fill."""
    near.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        near.process.send_signal(signal.SIGCONT)


def set_down(host: Host, link: str, seconds: float) -> None:
    host.ip("link", "set", link, "down")
    time.sleep(seconds)
    host.ip("link", "set", link, "up")


def unplugged(near: SetTunnel, far: SetTunnel, seconds: float) -> None:
    set_down(near.host, f"to-{far.host.name}", seconds)


def switched_off(near: SetTunnel, _: SetTunnel, seconds: float) -> None:
    set_down(near.host, near.name, seconds)


def blocked(pair: Troubled, chance: random.Random) -> None:
    near, far = chance.choice((pair.ends, pair.ends[::-1]))
    chance.choice(BLOCKAGES)(near, far, chance.uniform(0, 3 * PAUSE_S))


# In these a daemon lives on, and with it its books.
BLOCKAGES: list[Callable[[SetTunnel, SetTunnel, float], None]] = [
    stalled_socket, stopped, unplugged, switched_off]
RESTARTS = [restarted, restarted_while_stalled]
TROUBLES: list[Callable[[Troubled, random.Random], None]] = [
    burst, for_nobody, spoofed, junk_datagrams, strangers, no_packets, huge_segments,
    narrow_tunnel, no_way_out, narrow_wire, peer_goes, blocked, blocked]
