#!/usr/bin/env python3
"""Everything into the tunnel: default routes with their mark, table and rules; and wg-quick as a
user of troupe. The hosts are routing_lab.py's.
"""
import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path

from control_lab import apply, refused
from flow_lab import ask, tool
from lab import Host, Lab, Scenario, main, require, run, scenario, wait_until
from routing_lab import (BEYOND, EVERYTHING, NEIGHBOURS, OWN_MARK, Way, kernel, rules, start,
                         wait_set_up)
from traffic import ICMP, Echo, ping, reaches
from tunnel import Tunnel, endpoint, introduce, program

KERNEL_TIME_S = 20.0


# --- Default routes


def full_tunnel(lab: Lab, version: int) -> None:
    """Default routes of both families lead into the tunnel, its own datagrams do not, and after the
    end all is as it was (endpoint over IPv4, IPv6)"""
    way = Way(lab, version)
    way.start()
    way.require_inside()
    for family in ("-4", "-6"):
        shown = rules(way.left.host, family)
        require("lookup main suppress_prefixlength 0" in shown and
                f"not from all fwmark {OWN_MARK:#x} lookup {OWN_MARK}" in shown, shown)
    require(way.left.show("fwmark").strip() == f"{OWN_MARK:#x}", "wg shows another mark")
    require(ask(way.left, "status")["interface"]["fwmark"] == OWN_MARK, "status shows another mark")
    # A datagram that loops is sealed again and again.
    counted = way.left.peer_state(way.right).tx_bytes
    ping(way.left.host, BEYOND[0], count=10)
    sent = way.left.peer_state(way.right).tx_bytes - counted
    require(sent < 10 * 160 + 512, f"{sent} octets sent for ten pings")
    way.left.stop()
    way.require_as_before()
    require(not reaches(way.left.host, BEYOND[0]), "there is another way")


def killed(lab: Lab) -> None:
    """What a killed daemon leaves of rules is taken back by the next, with default routes or
    without"""
    way = Way(lab)
    for extra in ("", 'routes = "off"'):
        way.start()
        way.require_inside()
        way.left.signal_and_wait(signal.SIGKILL)
        wait_until("the interface is gone", lambda: not way.left.host.has_link(way.left.name))
        require(kernel(way.left.host) != way.before, "kill -9 left nothing behind")
        way.start(extra)
        if not extra:
            way.require_inside()
        else:
            require(kernel_without(way) == way.before, "rules are left")
        shown = rules(way.left.host)
        require(shown.count("suppress_prefixlength") == (0 if extra else 1), shown)
        require("killed daemon" in way.left.log.read_text(encoding="utf-8"), "it does not say so")
        way.left.stop()
        way.require_as_before()


def kernel_without(way: Way) -> str:
    """But for what is of the interface."""
    lines = kernel(way.left.host).splitlines()
    inner = [address.split("/")[0] for address in way.left.addresses]
    return "\n".join(line for line in lines if way.left.name not in line and
                     not any(address in line for address in inner))


def live(lab: Lab) -> None:
    """apply adds and removes the default routes while pings go on, and a refused one changes
    nothing"""
    way = Way(lab)
    left, own = way.left, way.left.peers[0]
    inside = [f"{way.right.inner()}/32", f"{way.right.inner(6)}/128"]
    own.allowed_ips = inside
    start(left)
    ping(left.host, way.right.inner())
    handshake = left.peer_state(way.right).latest_handshake
    narrow = kernel(left.host)
    rounds = 20
    with left.host.socket(socket.AF_INET, socket.SOCK_RAW, ICMP[4]) as made:
        echo = Echo(made, way.right.inner())
        for number in range(2 * rounds):
            own.allowed_ips = EVERYTHING if number % 2 == 0 else inside
            apply(left)
            require(reaches(left.host, BEYOND[0]) == (number % 2 == 0), f"round {number}")
            echo.send(number)
            echo.collect(number + 1, 10)
        require(len(echo.answered) == 2 * rounds, f"{len(echo.answered)} of {2 * rounds} answered")
    require(kernel(left.host) == narrow, f"{narrow}\n--- became\n{kernel(left.host)}")
    require(left.peer_state(way.right).latest_handshake == handshake, "another handshake")
    # The table that would be chosen is another's by the time the route is added.
    own.allowed_ips = list(EVERYTHING)
    left.host.ip("route", "add", "default", "dev", "to-gateway", "table", str(OWN_MARK))
    before = kernel(left.host)
    said = refused(left, "apply", str(left.write_toml()))
    require("0.0.0.0/0" in said and "to-gateway" in said, said)
    require(kernel(left.host) == before, "a refused change left something")
    left.host.ip("route", "del", "default", "dev", "to-gateway", "table", str(OWN_MARK))
    apply(left)
    way.require_inside()
    apply(left, interface_extra="fwmark = 7")
    way.require_inside()
    require("fwmark 0x7 lookup 7" in rules(left.host), rules(left.host))
    left.stop()
    way.require_as_before()


def taken_back(lab: Lab) -> None:
    """A default route that cuts its maker off is taken back unless confirmed, rules included"""
    way = Way(lab)
    left, own = way.left, way.left.peers[0]
    own.allowed_ips = [f"{way.right.inner()}/32"]
    start(left)
    narrow = kernel(left.host)
    own.allowed_ips = list(EVERYTHING)
    apply(left, "--confirm", "1s")
    way.require_inside()
    wait_until("it is taken back", lambda: kernel(left.host) == narrow, 10)
    left.stop()
    way.require_as_before()


class NameServer:
    """On right, beyond the gateway: whatever the name, its IPv4 address is right's own."""

    def __init__(self, host: Host) -> None:
        self.socket = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("192.168.78.2", 53))
        self.asked = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # Closed.
            while True:
                query, whom = self.socket.recvfrom(512)
                self.asked += 1
                end = query.index(b"\0", 12) + 5  # Of the question.
                (kind,) = struct.unpack(">H", query[end - 4:end - 2])
                answers = [struct.pack(">HHHIH", 0xc00c, 1, 1, 1, 4) +
                           socket.inet_aton("192.168.78.2")] if kind == 1 else []
                counts = struct.pack(">HHHHH", 0x8180, 1, len(answers), 0, 0)
                self.socket.sendto(query[:2] + counts + query[12:end] + b"".join(answers), whom)


def named_endpoint(lab: Lab) -> None:
    """An endpoint's name is found though its name server is where everything goes into the
    tunnel"""
    way = Way(lab)
    left = way.left
    left.host.write_etc("resolv.conf", "nameserver 192.168.78.2\noptions timeout:1 attempts:1\n")
    left.peers[0].endpoint = "vpn.test:51820"
    start(left)
    ping(left.host, NEIGHBOURS[0])
    require("suppress" not in rules(left.host), "rules before the name is found")
    server = NameServer(way.right.host)
    wait_until("the last of the rules is there", lambda: "fwmark" in rules(left.host, "-6"),
               KERNEL_TIME_S)
    require(server.asked, "nobody was asked")
    way.require_inside()
    left.stop()
    way.require_as_before()
    server.socket.close()


def chosen_table(lab: Lab) -> None:
    """The mark is the first number from 51820 on whose table nobody has, unless one is configured;
    in a table that is named the default route stands without rules"""
    way = Way(lab)
    left = way.left
    left.host.ip("route", "add", "10.99.0.0/16", "dev", "to-gateway", "table", "51820")
    left.host.ip("-6", "route", "add", "fd99::/64", "dev", "to-gateway", "table", "51821")
    start(left)
    way.require_inside()
    require("fwmark 0xca6e lookup 51822" in rules(left.host), rules(left.host))
    left.stop()
    start(left, "fwmark = 4242")
    way.require_inside()
    require("fwmark 0x1092 lookup 4242" in rules(left.host, "-6"), rules(left.host, "-6"))
    left.stop()
    start(left, "table = 4242")
    require("suppress" not in rules(left.host), rules(left.host))
    require(f"default dev {left.name}" in left.host.ip("route", "show", "table", "4242"),
            "no route in the table named")
    require(left.show("fwmark").strip() == "off", "a mark without need")
    left.stop()
    for version in ("-4", "-6"):
        left.host.ip(version, "route", "del", "default")
    start(left, 'table = "main"')
    require(f"default dev {left.name}" in left.host.ip("route", "show"), "no route in main")


def beside_others(lab: Lab) -> None:
    """Rules, tables and the setting of others stay as they are"""
    way = Way(lab)
    host = way.left.host
    host.sysctl("net.ipv4.conf.all.src_valid_mark", 1)
    for words in (("table", "main", "suppress_prefixlength", "0"),
                  ("not", "fwmark", str(OWN_MARK), "table", str(OWN_MARK)),
                  ("from", "10.1.2.3", "table", "main")):
        host.ip("rule", "add", *words)
    way.before = kernel(host)
    way.start()
    way.require_inside()
    way.left.stop()
    way.require_as_before()


def two_tunnels(lab: Lab, first_ends_first: bool) -> None:
    """Of two tunnels that everything goes into the later one has it, and either ends without harm
    to the other"""
    way = Way(lab)
    host = way.left.host
    host.ip("route", "add", "192.168.78.0/24", "via", "192.168.77.9")  # For datagrams of both.
    way.before = kernel(host)
    later = Tunnel(lab, host, "troupe-toml", ["10.67.0.1/24", "fd67::1/64"], listen_port=51821)
    far = Tunnel(lab, way.right.host, "troupe", ["10.67.0.2/24", "fd67::2/64"], listen_port=51821)
    introduce(later, far, right_endpoint=endpoint("192.168.78.2", 51821))
    later.peers[0].allowed_ips = list(EVERYTHING)
    far.start()
    way.start()
    way.require_inside()
    start(later)
    before = later.peer_state(far).tx_bytes
    for address in BEYOND:
        ping(host, address, count=3)
    require(later.peer_state(far).tx_bytes > before + 6 * 64, "the later one is not used")
    one, other = (way.left, later) if first_ends_first else (later, way.left)
    one.stop()
    require(host.run("sysctl", "-n", "net.ipv4.conf.all.src_valid_mark").stdout == "1\n",
            "the setting is gone that the other needs")
    for address in BEYOND:
        ping(host, address, count=3)
    other.stop()
    way.require_as_before()


def strict_filter(lab: Lab) -> None:
    """An interface that drops what comes back is warned of, with the cure, and the cure works"""
    way = Way(lab)
    host = way.left.host
    host.sysctl("net.ipv4.conf.to-gateway.rp_filter", 1)
    way.start()
    require("sysctl -w net.ipv4.conf.to-gateway.rp_filter=2" in
            way.left.log.read_text(encoding="utf-8"), "no warning")
    require(not reaches(host, BEYOND[0]), "it was warned of for nothing")
    host.run("sysctl", "-w", "net.ipv4.conf.to-gateway.rp_filter=2")
    wait_until("the cure works", lambda: reaches(host, BEYOND[0]), KERNEL_TIME_S)


def read_only_settings(lab: Lab) -> None:
    """Where /proc/sys cannot be written, as in many containers, the tunnel works, with a warning"""
    way = Way(lab)
    path = way.left.write_toml()
    inner = (f"mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys; "
             f"exec {program('troupe')} -f --config {path}")
    with open(way.left.log, "ab") as log:
        way.left.process = way.left.host.popen("unshare", "-m", "sh", "-c", inner,
                                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    lab.children.append(way.left.process)
    way.left.wait_serving()
    wait_set_up(way.left)
    way.require_inside()
    require("src_valid_mark cannot be set" in way.left.log.read_text(encoding="utf-8"), "no word")
    way.left.stop()
    way.require_as_before()


# --- wg-quick


def has_kernel_wireguard() -> bool:
    made = run("ip", "link", "add", "t-probe", "type", "wireguard", fails=True).returncode == 0
    if made:
        run("ip", "link", "del", "t-probe")
    return made


def wg_quick_text(tunnel: Tunnel, extra: str = "") -> str:
    peer = tunnel.peers[0]
    return (f"[Interface]\nPrivateKey = {tunnel.private_key}\n"
            f"Address = {', '.join(tunnel.addresses)}\nMTU = 1400\n{extra}\n"
            f"[Peer]\nPublicKey = {peer.public_key}\nAllowedIPs = {', '.join(peer.allowed_ips)}\n"
            f"Endpoint = {peer.endpoint}\n")


def wg_quick_file(tunnel: Tunnel, extra: str = "") -> Path:
    path = tunnel.lab.folder / f"{tunnel.name}.conf"
    path.touch(mode=0o600)
    path.write_text(wg_quick_text(tunnel, extra), encoding="utf-8")
    return path


def wg_quick(tunnel: Tunnel, verb: str, path: Path) -> None:
    with open(tunnel.log, "ab") as log:
        done = tunnel.host.popen("wg-quick", verb, str(path), stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log, env={**os.environ, "WG_QUICK_USERSPACE_IMPLEMENTATION":
                                                  program("troupe")})
        require(done.wait(30) == 0, f"wg-quick {verb} ended with {done.returncode}")


def under_wg_quick(lab: Lab, default_route: bool) -> None:
    """wg-quick makes its interface of trouped, and takes it down again; after that all is as it
    was (ordinary, default routes)"""
    way = Way(lab)
    left, trace = way.left, lab.folder / "trace"
    if not default_route:
        left.peers[0].allowed_ips = [f"{way.right.inner()}/32", f"{way.right.inner(6)}/128",
                                     f"{BEYOND[0]}/32", f"{BEYOND[1]}/128"]
    path = wg_quick_file(left, f"PostUp = echo up %i >>{trace}\nPostDown = echo down %i >>{trace}")
    wg_quick(left, "up", path)
    require(left.uapi_path.exists(), "it is not trouped's")
    way.require_inside()
    wg_quick(left, "down", path)
    wait_until("the daemon ends",
               lambda: not run("ip", "netns", "pids", left.host.namespace).stdout.split())
    require(trace.read_text(encoding="utf-8").split("\n")[:2] ==
            [f"up {left.name}", f"down {left.name}"], "its commands did not run")
    left.host.sysctl("net.ipv4.conf.all.src_valid_mark", 0)  # wg-quick leaves it.
    way.require_as_before()


def imported(lab: Lab) -> None:
    """A wg-quick file with default routes and commands works as imported"""
    way = Way(lab)
    left, trace = way.left, lab.folder / "trace"
    path = wg_quick_file(left, f"PostUp = echo up %i >>{trace}\nPostDown = echo down %i >>{trace}\n"
                               "DNS = 10.66.0.2\n")
    done = run(tool("troupectl"), "import", str(path))
    require("resolvectl dns" in done.stderr and done.stderr.count("note:") == 1, done.stderr)
    toml = lab.folder / f"{left.name}.toml"
    toml.touch(mode=0o600)
    toml.write_text(done.stdout, encoding="utf-8")
    left.launch("-f", "--config", str(toml))
    left.wait_serving()
    wait_set_up(left)
    way.require_inside()
    left.stop()
    require(trace.read_text(encoding="utf-8") == f"up {left.name}\ndown {left.name}\n",
            "its commands did not run")
    way.require_as_before()


def scenarios() -> list[Scenario]:
    found = [scenario(full_tunnel, version) for version in (4, 6)]
    found += [scenario(two_tunnels, first_ends_first) for first_ends_first in (True, False)]
    found += [scenario(play) for play in
              (killed, live, taken_back, named_endpoint, chosen_table, beside_others, strict_filter,
               read_only_settings, imported)]
    # wg-quick takes the kernel's where there is one.
    if not has_kernel_wireguard():
        found += [scenario(under_wg_quick, default_route) for default_route in (False, True)]
    return found


if __name__ == "__main__":
    main(scenarios())
