#!/usr/bin/env python3
"""What happens to the TUN device from outside: deleted, moved, resized, taken down, handed over.

      left                                            right
   10.66.0.1                                         10.66.0.2         inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 ----------------- wire ------------- 192.168.77.2      outside

Moved, the device is in a host without any wire, and the daemon stays where its sockets are:

   inner [ device ] ~~~~~ left [ daemon ] ----- wire ----- right
"""
import fcntl
import os
import signal
import socket
import struct
import subprocess
import time

from lab import Lab, Scenario, main, require, scenario, wait_until
from traffic import echo_packets, ping, reaches, transfer_tcp
from tunnel import Peer, Tunnel, UAPI_FOLDER, endpoint, introduce, new_key, program, public_of
from wire import DATA, DATA_OVERHEAD, Tap

KINDS = ["troupe", "troupe-toml"]
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def pair(lab: Lab, kind: str, outside: int = 4) -> tuple[Tunnel, Tunnel]:
    hosts = lab.host("left"), lab.host("right")
    if outside == 4:
        lab.link(*hosts, ["192.168.77.1/24"], ["192.168.77.2/24"])
    left = Tunnel(lab, hosts[0], kind, ["10.66.0.1/24"])
    right = Tunnel(lab, hosts[1], "wireguard-go", ["10.66.0.2/24"])
    introduce(left, right, endpoint("192.168.77.1"), endpoint("192.168.77.2"))
    return left, right


def started_pair(lab: Lab, kind: str) -> tuple[Tunnel, Tunnel]:
    left, right = pair(lab, kind)
    right.start()
    left.start()
    ping(left.host, right.inner())
    return left, right


def deleted(lab: Lab, kind: str) -> None:
    """The device deleted underneath ends the daemon with a word about it: exit 0 without a file,
    1 with one"""
    left, _ = started_pair(lab, kind)
    before = len(left.log.read_bytes())
    left.host.ip("link", "delete", left.name)
    status = left.wait_ended()
    expected = 1 if left.implementation == "troupe-toml" else 0
    require(status == expected, f"it ended with {status}, not {expected}")
    require(not left.uapi_path.exists(), "the UAPI socket is still there")
    if left.implementation != "wireguard-go":
        require(left.name in left.log.read_bytes()[before:].decode(), "it ended without a word")


def moved(lab: Lab, kind: str) -> None:
    """The device moved to another namespace keeps carrying packets, and comes back"""
    left, right = started_pair(lab, kind)
    inner = lab.host("inner")
    for source, target in ((left.host, inner), (inner, left.host)):
        source.ip("link", "set", left.name, "netns", target.namespace)
        target.add_addresses(left.name, "10.66.0.1/24")
        target.ip("link", "set", left.name, "up")
        wait_until("traffic flows again", lambda: reaches(target, right.inner()))
        ping(target, right.inner(), count=3)
        ping(right.host, left.inner(), count=3)
        transfer_tcp(target, right.host, right.inner(), octets=1 << 20)
    require(left.process.poll() is None, "the daemon ended")


def namespace_ended(lab: Lab, kind: str) -> None:
    """The device goes with the namespace that it was moved to, as a container's, and the daemon
    with it"""
    left, _ = started_pair(lab, kind)
    container = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    lab.children.append(container)
    own = os.stat("/proc/self/ns/net").st_ino
    wait_until("it has a network of its own",
               lambda: os.stat(f"/proc/{container.pid}/ns/net").st_ino != own)
    left.host.ip("link", "set", left.name, "netns", str(container.pid))
    require(left.process.poll() is None, "the daemon ended too early")
    container.kill()
    container.wait()
    status = left.wait_ended()
    expected = 1 if left.implementation == "troupe-toml" else 0
    require(status == expected, f"it ended with {status}, not {expected}")


def longest_sent(left: Tunnel, right: Tunnel, packet_lengths: list[int]) -> int:
    """In octets, of the messages from left that carry packets of these lengths."""
    with Tap(left.host, "to-right") as tap:
        echo_packets(left.host, right.host, left.inner(), right.inner(), packet_lengths)
        wait_until("the packets on the tap",
                   lambda: len(tap.of_kind(DATA)) >= 2 * len(packet_lengths))
    return max(message.length for message in tap.of_kind(DATA)
               if message.source == "192.168.77.1")


def resized(lab: Lab, kind: str) -> None:
    """An MTU set from outside takes effect: packets up to it pass, and padding stays below it"""
    left, right = started_pair(lab, kind)
    for mtu in (1300, 1420):
        for tunnel in (left, right):
            tunnel.host.ip("link", "set", left.name if tunnel is left else right.name,
                           "mtu", str(mtu))
        # How, and how soon, the daemon learns of it is its own affair.
        wait_until(f"with MTU {mtu} the longest message has {mtu + 32} octets",
                   lambda: longest_sent(left, right, [mtu - 1, mtu]) == mtu + DATA_OVERHEAD)


def taken_down(lab: Lab, kind: str) -> None:
    """A device taken down falls silent, keepalives too; taken up again it carries packets"""
    left, right = started_pair(lab, kind)
    left.set_peer(right.as_peer(), "persistent-keepalive", "1")

    def is_silent() -> bool:
        """For three keepalives long."""
        with Tap(left.host, "to-right") as tap:
            time.sleep(3)
            return not any(message.source == "192.168.77.1" for message in list(tap.passed))
    wait_until("keepalives are sent while it is up", lambda: not is_silent())
    left.host.ip("link", "set", left.name, "down")
    if left.implementation != "wireguard-go":  # Debian's does not follow a device taken down.
        wait_until("nothing is sent while the device is down", is_silent)
    left.host.ip("link", "set", left.name, "up")
    left.host.ip("route", "replace", "10.66.0.0/24", "dev", left.name)
    wait_until("traffic flows again", lambda: reaches(left.host, right.inner()))


def comes_back_whole(lab: Lab, kind: str) -> None:
    """Routes and IPv6 addresses that the kernel forgets are back after down and up, however quick,
    and after an MTU too small for IPv6"""
    tunnel = Tunnel(lab, lab.host("left"), kind, ["10.66.0.1/24", "fd66::1/64"])
    tunnel.peers = [Peer(public_of(new_key()), ["10.99.0.0/16", "fd99::/64"])]
    tunnel.start()

    def whole() -> bool:
        routes = "".join(tunnel.host.ip(f"-{version}", "route", "show", "dev", tunnel.name)
                         for version in (4, 6))
        addresses = tunnel.host.ip("address", "show", "dev", tunnel.name)
        return "10.99.0.0/16" in routes and "fd99::/64" in routes and "fd66::1/64" in addresses
    wait_until("routes and addresses", whole)
    tunnel.host.ip("link", "set", tunnel.name, "down")
    require(not whole(), "the kernel has kept everything")
    tunnel.host.ip("link", "set", tunnel.name, "up")
    wait_until("routes and addresses again", whole)
    for _ in range(20):
        tunnel.host.run("ip", "-batch", "-", text=f"link set {tunnel.name} down\n"
                                                  f"link set {tunnel.name} up\n")
        wait_until("routes and addresses after down and up at once", whole)
    tunnel.host.ip("link", "set", tunnel.name, "mtu", "1000")
    require(not whole(), "the kernel has kept everything")
    tunnel.host.ip("link", "set", tunnel.name, "mtu", "1420")
    wait_until("routes and addresses after a small MTU", whole)


def added_while_down(lab: Lab, kind: str) -> None:
    """A route that wg set adds while the device is down is there when it is up"""
    tunnel = Tunnel(lab, lab.host("left"), kind, ["10.66.0.1/24"])
    tunnel.start()
    tunnel.host.ip("link", "set", tunnel.name, "down")
    tunnel.set_peer(Peer(public_of(new_key())), "allowed-ips", "10.99.0.0/16,fd99::/64")

    def routes() -> str:
        return "".join(tunnel.host.ip(f"-{version}", "route", "show", "dev", tunnel.name)
                       for version in (4, 6))
    require("99" not in routes(), "the kernel took a route")
    tunnel.host.ip("link", "set", tunnel.name, "up")
    wait_until("the routes", lambda: "10.99.0.0/16" in routes() and "fd99::/64" in routes())


def set_elsewhere(lab: Lab, kind: str) -> None:
    """Routes follow the device to another name and another index; while it is moved away a set is
    refused, and the log says why"""
    tunnel = Tunnel(lab, lab.host("left"), kind, ["10.66.0.1/24"])
    tunnel.start()
    inner, renamed, peer = lab.host("inner"), lab.interface_name(), Peer(public_of(new_key()))

    def routed(*prefixes: str) -> bool:
        shown = tunnel.host.ip("route", "show", "dev", renamed)
        return all(prefix in shown for prefix in prefixes)
    tunnel.host.ip("link", "set", tunnel.name, "name", renamed)
    tunnel.set_peer(peer, "allowed-ips", "10.99.0.0/16")
    require(routed("10.99.0.0/16"), "no route under the new name")
    index = tunnel.host.link_state(renamed).split(":")[0]
    tunnel.host.ip("link", "set", renamed, "netns", inner.namespace)
    done = tunnel.wg("set", "peer", peer.public_key, "allowed-ips", "10.98.0.0/16", fails=True)
    require(done.returncode == 1, f"a set of routes elsewhere ended with {done.returncode}")
    require(f"nothing is changed: interface {renamed} lives in another network namespace now" in
            tunnel.log.read_text(encoding="utf-8"), "the log does not say why")
    tunnel.host.ip("link", "add", "in-the-way", "index", index, "type", "veth")
    inner.ip("link", "set", renamed, "netns", tunnel.host.namespace)
    require(tunnel.host.link_state(renamed).split(":")[0] != index, "it has its index again")
    tunnel.host.ip("link", "set", renamed, "up")
    wait_until("its route is back", lambda: routed("10.99.0.0/16"))
    tunnel.set_peer(peer, "allowed-ips", "10.98.0.0/16,10.99.0.0/16")
    require(routed("10.98.0.0/16", "10.99.0.0/16"), "no route under the new index")


def without_ipv6(lab: Lab, kind: str) -> None:
    """Where IPv6 is disabled the daemon starts and carries IPv4"""
    left, right = pair(lab, kind, outside=0)
    for tunnel in (left, right):
        for which in ("all", "default"):
            tunnel.host.sysctl(f"net.ipv6.conf.{which}.disable_ipv6", 1)
    lab.link(left.host, right.host, ["192.168.77.1/24"], ["192.168.77.2/24"])
    right.start()
    left.start()
    ping(left.host, right.inner(), count=3)
    transfer_tcp(left.host, right.host, right.inner(), octets=1 << 20)


def inherited(lab: Lab, kind: str) -> None:
    """A device and a listening socket handed over in WG_TUN_FD and WG_UAPI_FD are used"""
    left, right = pair(lab, kind)
    right.start()
    device = left.host.call_inside(lambda: os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC))
    # Debian's wireguard-go wants the packet information that everybody else leaves out.
    flags = IFF_TUN if left.implementation == "wireguard-go" else IFF_TUN | IFF_NO_PI
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", left.name.encode(), flags))
    UAPI_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, \
            open(left.log, "ab") as log:
        listener.bind(str(left.uapi_path))
        listener.listen()
        given = (device, listener.fileno())
        left.process = left.host.popen(
            program(left.implementation), "-f", left.name, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, pass_fds=given, env={**os.environ, "LOG_LEVEL": "debug",
                                             "WG_TUN_FD": str(device),
                                             "WG_UAPI_FD": str(listener.fileno())})
        lab.children.append(left.process)
    os.close(device)
    left.wait_serving()
    left.setconf()
    left.bring_up()
    ping(left.host, right.inner(), count=3)
    require(left.signal_and_wait(signal.SIGTERM) == 0, "it did not end cleanly")


def scenarios() -> list[Scenario]:
    plays = (deleted, moved, namespace_ended, resized, taken_down, without_ipv6)
    return [*(scenario(play, kind) for play in plays for kind in KINDS),
            scenario(comes_back_whole, "troupe-toml"),
            scenario(added_while_down, "troupe-toml"), scenario(set_elsewhere, "troupe-toml"),
            scenario(inherited, "troupe")]


if __name__ == "__main__":
    main(scenarios())
