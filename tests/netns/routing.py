#!/usr/bin/env python3
"""Everything into the tunnel: default routes with their mark, table and rules; the commands around
the interface's life; and wg-quick as a user of troupe.

      left                    gateway                    right
   10.66.0.1 fd66::1                                 10.66.0.2 fd66::2    inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 ------- 192.168.77.9 192.168.78.9 ----- 192.168.78.2      outside
   fd77::1              fd77::9           fd78::9       fd78::2
                                                     203.0.113.7 2001:db8::7, which right alone has
"""
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from control_lab import apply, ctl, refused
from flow_lab import ask, tool
from lab import Host, Lab, Scenario, main, require, run, scenario, wait_until
from traffic import ICMP, Echo, ping, reaches
from tunnel import Tunnel, endpoint, introduce, program

STATE_FOLDER = Path("/var/lib/troupe")
EVERYTHING = ["0.0.0.0/0", "::/0"]
BEYOND = ("203.0.113.7", "2001:db8::7")
NEIGHBOURS = ("192.168.77.9", "fd77::9")
OWN_MARK = 51820
KERNEL_TIME_S = 20.0


def kernel(host: Host) -> str:
    """Whatever a daemon may leave of its routing. Neighbours and what an interface brings by itself
    come and go."""
    shown = [host.ip(version, "rule", "show") for version in ("-4", "-6")]
    shown += [host.ip(version, "-N", "route", "show", "table", "all") for version in ("-4", "-6")]
    shown.append(host.run("sysctl", "net.ipv4.conf.all.src_valid_mark").stdout)
    lines = "".join(shown).splitlines()
    return "\n".join(sorted(line for line in lines if "multicast" not in line))


def rules(host: Host, version: str = "-4") -> str:
    return host.ip(version, "rule", "show")


def start(tunnel: Tunnel, extra: str = "") -> None:
    """Until all is set up, rules and post_up too: its sockets accept before."""
    said = tunnel.log.stat().st_size if tunnel.log.exists() else 0
    hook = tunnel.lab.folder / "hook"
    hook.unlink(missing_ok=True)
    if "post_up" not in extra:
        extra = f'{extra}\npost_up = "echo $$ >{hook}"'
    tunnel.start(extra)
    if str(hook) in extra:
        wait_until("post_up runs", lambda: hook.exists() and hook.read_text(encoding="ascii"))
        pid = hook.read_text(encoding="ascii").strip()
        wait_until("post_up has run", lambda: not Path("/proc", pid).exists())
    wait_until("its interface is up", lambda: b" is up, MTU" in tunnel.log.read_bytes()[said:])


class Way:
    """Left, which has a way out by the gateway, and right, which lets everything out."""

    def __init__(self, lab: Lab, version: int = 4) -> None:
        self.lab = lab
        left, gateway, right = (lab.host(name) for name in ("left", "gateway", "right"))
        lab.link(left, gateway, ["192.168.77.1/24", "fd77::1/64"],
                 ["192.168.77.9/24", "fd77::9/64"])
        lab.link(gateway, right, ["192.168.78.9/24", "fd78::9/64"],
                 ["192.168.78.2/24", "fd78::2/64"])
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            gateway.sysctl(key, 1)
        for host, network in ((left, 77), (right, 78)):
            host.ip("-4", "route", "add", "default", "via", f"192.168.{network}.9")
            host.ip("-6", "route", "add", "default", "via", f"fd{network}::9")
        right.add_addresses("lo", *(f"{address}/{32 if '.' in address else 128}"
                                    for address in BEYOND))
        self.left = Tunnel(lab, left, "troupe-toml", ["10.66.0.1/24", "fd66::1/64"])
        self.right = Tunnel(lab, right, "troupe", ["10.66.0.2/24", "fd66::2/64"])
        introduce(self.left, self.right,
                  right_endpoint=endpoint("192.168.78.2" if version == 4 else "fd78::2"))
        self.left.peers[0].allowed_ips = list(EVERYTHING)
        self.right.start()
        require(not any(reaches(left, address) for address in BEYOND), "there is another way")
        self.before = kernel(left)

    def start(self, extra: str = "") -> None:
        start(self.left, extra)

    def require_inside(self) -> None:
        """What is beyond is reached through the tunnel, and what is near without it."""
        for address in (*BEYOND, self.right.inner(), self.right.inner(6)):
            ping(self.left.host, address, count=3)
        before = self.left.peer_state(self.right).tx_bytes
        for address in NEIGHBOURS:
            ping(self.left.host, address, count=5)
        sent = self.left.peer_state(self.right).tx_bytes - before
        require(sent < 5 * 64, f"{sent} octets went into the tunnel for what is near")

    def require_as_before(self) -> None:
        after = kernel(self.left.host)
        require(after == self.before, f"{self.before}\n--- became\n{after}")
        left = list((STATE_FOLDER / self.left.name).glob("*"))
        require(not left, f"left on disk: {left}")


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
    wait_until("the rules are there", lambda: "suppress" in rules(left.host), KERNEL_TIME_S)
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
    way.require_inside()
    require("src_valid_mark cannot be set" in way.left.log.read_text(encoding="utf-8"), "no word")
    way.left.stop()
    way.require_as_before()


# --- Commands around the interface's life


def hooks_text(trace: Path, extra: str = "") -> str:
    """Each says its name, the interface's, and whether that is there."""
    def command(name: str) -> str:
        return (f'"ip link show %i >/dev/null 2>&1 && there=up || there=none; '
                f'echo {name} %i $there >>{trace}"')
    lines = [f"{kind} = [{command(kind)}, {command(kind + '-again')}]"
             for kind in ("pre_up", "post_up", "pre_down", "post_down")]
    return "\n".join([*lines, extra])


def lone(lab: Lab) -> Tunnel:
    return Tunnel(lab, lab.host("left"), "troupe-toml", ["10.66.0.1/24"])


def said_by_start(tunnel: Tunnel, extra: str, *options: str) -> str:
    """Of a start that fails with 1 and leaves nothing."""
    done = tunnel.host.run(program("troupe"), *options, *tunnel.command(extra), fails=True)
    require(done.returncode == 1, f"it ended with {done.returncode}: {done.stderr}")
    require(not tunnel.host.has_link(tunnel.name), "the interface is there")
    return done.stderr


def hooks_in_order(lab: Lab) -> None:
    """Commands of all four kinds run in order, with the interface's name, around its life; also in
    the background, where the start waits for post_up"""
    tunnel, trace = lone(lab), lab.folder / "trace"
    expected = [f"{kind}{again} {tunnel.name} {there}"
                for kind, there in (("pre_up", "none"), ("post_up", "up"), ("pre_down", "up"),
                                    ("post_down", "none")) for again in ("", "-again")]
    start(tunnel, hooks_text(trace))
    wait_until("post_up has run", lambda: len(trace.read_text(encoding="utf-8").split("\n")) == 5)
    tunnel.stop()
    lines = trace.read_text(encoding="utf-8").splitlines()
    require(lines == expected, f"they ran as {lines}")
    trace.unlink()
    with open(tunnel.log, "ab") as log:
        started = tunnel.host.popen(program("troupe"), *tunnel.command(hooks_text(trace)),
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        require(started.wait(20) == 0, "the start failed")
    require(trace.read_text(encoding="utf-8").splitlines() == expected[:4],
            "not before it returned")
    pid = int(run("ip", "netns", "pids", tunnel.host.namespace).stdout.split()[0])
    os.kill(pid, signal.SIGTERM)
    wait_until("post_down has run",
               lambda: trace.read_text(encoding="utf-8").splitlines() == expected)


def hooks_see_nothing(lab: Lab) -> None:
    """A command has no descriptor of the daemon's, no signal blocked or ignored, no input; what it
    prints goes to the daemon's stderr"""
    tunnel, seen = lone(lab), lab.folder / "seen"
    look = (f"ls -l /proc/self/fd >{seen}.fd; grep Sig /proc/self/status >{seen}.signals; "
            f"cat >{seen}.input; echo a-word-for-the-log; echo another >&2")
    start(tunnel, f'pre_up = "{look}"\npost_up = "{look}"')
    wait_until("it has run", lambda: tunnel.log.read_text().count("another") == 2)
    numbers = re.findall(r" (\d+) -> (\S+)", Path(f"{seen}.fd").read_text(encoding="utf-8"))
    # ls has the folder open, and its output in the file.
    require({int(number) for number, _ in numbers} <= {0, 1, 2, 3}, f"descriptors {numbers}")
    require(numbers[0] == ("0", "/dev/null"), f"its input is {numbers[0]}")
    signals = dict(re.findall(r"Sig(\w+):\s+(\w+)", Path(f"{seen}.signals").read_text()))
    own = 1 << 31 | 1 << 32  # 32 and 33 are glibc's, which nobody else may set.
    require(int(signals["Blk"], 16) == 0 and int(signals["Ign"], 16) & ~own == 0,
            f"signals {signals}")
    require(tunnel.log.read_text().count("a-word-for-the-log") == 2, "its output is not in the log")


def failing_up(lab: Lab) -> None:
    """A pre_up or post_up that fails ends the start with 1 and one message with its name and
    status; nothing is left, and what comes behind it does not run"""
    way = Way(lab)
    tunnel, trace = way.left, lab.folder / "trace"
    for kind in ("pre_up", "post_up"):
        for options in (("-f",), ()):
            said = said_by_start(tunnel, f'{kind} = ["true", "exit 3", "echo no >>{trace}"]\n'
                                         f'post_down = "echo no >>{trace}"', *options)
            require(f"command 2 of {kind}, `exit 3`, ended with status 3" in said, said)
            require(said.count("trouped: ") == 1, f"more than one message: {said}")
            require(not trace.exists(), "another one ran")
            way.require_as_before()
    said = said_by_start(tunnel, f'post_up = "kill -9 $$ # {way.left.private_key}"', "-f")
    require("was ended by signal 9" in said and way.left.private_key not in said, said)
    start(tunnel)
    way.require_inside()


def failing_down(lab: Lab) -> None:
    """A pre_down or post_down that fails is a warning, and the next one runs"""
    tunnel, trace = lone(lab), lab.folder / "trace"
    start(tunnel, f'pre_down = ["exit 4", "echo pre >>{trace}"]\n'
                 f'post_down = ["exit 5", "echo post >>{trace}"]')
    tunnel.stop()
    require(trace.read_text(encoding="utf-8") == "pre\npost\n", "they did not run")
    log = tunnel.log.read_text(encoding="utf-8")
    for part in ("command 1 of pre_down, `exit 4`, ended with status 4",
                 "command 1 of post_down, `exit 5`, ended with status 5"):
        require(part in log, f"{part!r} is not in the log")


def hanging(lab: Lab) -> None:
    """A command that hangs is ended by SIGTERM, with all that it started"""
    tunnel, trace = lone(lab), lab.folder / "trace"
    hang = f"trap '' TERM INT HUP; echo $$ >{trace}; sleep 1000 & wait"

    def hangs() -> bool:
        return trace.exists() and trace.read_text(encoding="utf-8").strip() != ""

    def require_ended() -> None:
        group = int(trace.read_text(encoding="utf-8"))
        wait_until("nothing of it runs", lambda: run("pgrep", "-g", str(group),
                                                     "-r", "R,S,D", fails=True).stdout == "")
        trace.unlink()
    for kind in ("pre_up", "post_up"):
        tunnel.launch("-f", *tunnel.command(f'{kind} = "{hang}"'))
        wait_until("it hangs", hangs)
        require(tunnel.signal_and_wait(signal.SIGTERM) == 1, "the start did not fail")
        require_ended()
        require("was asked to end meanwhile" in tunnel.log.read_text(encoding="utf-8"), "no word")
        require(not tunnel.host.has_link(tunnel.name), "the interface is left")
    for kind in ("pre_down", "post_down"):
        start(tunnel, f'{kind} = "{hang}"')
        tunnel.process.send_signal(signal.SIGTERM)
        wait_until("it hangs", hangs)
        tunnel.process.send_signal(signal.SIGHUP)  # Means nothing now.
        require(tunnel.signal_and_wait(signal.SIGTERM) == 0, "the end was not clean")
        require_ended()
    start(tunnel, f'pre_down = "{hang}"')
    tunnel.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    require(tunnel.process.wait(120) == 0, "the end was not clean")
    require(time.monotonic() - began > 20, "nobody waited for it")
    require_ended()


def hooks_live(lab: Lab) -> None:
    """Commands changed by apply are those that run next; diff shows them, and no drop-in may have
    any"""
    tunnel, trace = lone(lab), lab.folder / "trace"
    start(tunnel, f'post_down = "echo old >>{trace}"')
    path = tunnel.write_toml(f'post_down = "echo new >>{trace}"')
    said = ctl(tunnel, "diff", str(path), fails=True).stdout
    require("post_down" in said and "echo old" in said and "echo new" in said, said)
    ctl(tunnel, "apply", str(path))
    tunnel.stop()
    require(trace.read_text(encoding="utf-8") == "new\n", "another one ran")
    drop_in = lab.folder / f"{tunnel.name}.d"
    drop_in.mkdir()
    (drop_in / "a.toml").write_text('[interface]\npre_up = "true"\n', encoding="utf-8")
    require("a.toml:1:2: error: unknown key `interface`" in said_by_start(tunnel, "", "-f"),
            "a drop-in has commands")


def deleted(lab: Lab) -> None:
    """An interface that is deleted underneath takes its rules along, and post_down runs"""
    way = Way(lab)
    trace = lab.folder / "trace"
    way.start(f'pre_down = "echo pre >>{trace}"\npost_down = "echo post >>{trace}"')
    way.require_inside()
    way.left.host.ip("link", "del", way.left.name)
    require(way.left.wait_ended() == 1, "it did not end with 1")
    require(trace.read_text(encoding="utf-8") == "post\n", "post_down did not run alone")
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
    wait_until("traffic passes", lambda: reaches(left.host, BEYOND[0]))
    way.require_inside()
    left.stop()
    require(trace.read_text(encoding="utf-8") == f"up {left.name}\ndown {left.name}\n",
            "its commands did not run")
    way.require_as_before()


def scenarios() -> list[Scenario]:
    found = [scenario(full_tunnel, version) for version in (4, 6)]
    found += [scenario(play) for play in
              (killed, live, taken_back, named_endpoint, chosen_table, beside_others, strict_filter,
               read_only_settings, hooks_in_order, hooks_see_nothing, failing_up, failing_down,
               hanging, hooks_live, deleted, imported)]
    # wg-quick takes the kernel's where there is one.
    if not has_kernel_wireguard():
        found += [scenario(under_wg_quick, default_route) for default_route in (False, True)]
    return found


if __name__ == "__main__":
    main(scenarios())
