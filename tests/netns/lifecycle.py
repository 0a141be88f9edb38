#!/usr/bin/env python3
"""How the daemon starts and ends: background and foreground, exit codes, signals, kill -9.

      left                                            right
   10.66.0.1                                         10.66.0.2         inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 ----------------- wire ------------- 192.168.77.2      outside
"""
import fcntl
import os
import signal
import struct
import subprocess
import termios
from pathlib import Path

from lab import SANITIZED, Host, Lab, Scenario, main, require, run, scenario, wait_until
from traffic import Load, ping, reaches
from tunnel import Tunnel, accepts, endpoint, introduce, program

KINDS = ["troupe", "troupe-toml"]
PIPE_OCTETS, LINE_OCTETS = 4096, 200  # A page; the longest line that is written.


def one_tunnel(lab: Lab, kind: str) -> Tunnel:
    return Tunnel(lab, lab.host("left"), kind, ["10.66.0.1/24", "fd66::1/64"])


def two_tunnels(lab: Lab, kind: str) -> tuple[Tunnel, Tunnel]:
    hosts = lab.host("left"), lab.host("right")
    lab.link(*hosts, ["192.168.77.1/24"], ["192.168.77.2/24"])
    left, right = (Tunnel(lab, host, one, [f"10.66.0.{number}/24"]) for number, (host, one) in
                   enumerate(zip(hosts, (kind, "wireguard-go")), start=1))
    introduce(left, right, right_endpoint=endpoint("192.168.77.2"))
    right.start()
    left.start()
    ping(left.host, right.inner())
    return left, right


def status_of(tunnel: Tunnel, *arguments: str, **environment: str) -> int:
    """Runs the daemon to the end of its first process; what it prints goes to the log, as text
    that ends there would wait for the background process."""
    with open(tunnel.log, "ab") as log:
        process = tunnel.host.popen(program(tunnel.implementation), *arguments, stdout=log,
                                    stderr=log, stdin=subprocess.DEVNULL,
                                    env={**os.environ, **environment})
        tunnel.lab.children.append(process)
        return process.wait(30)


def daemons(host: Host) -> list[int]:
    return [int(pid) for pid in run("ip", "netns", "pids", host.namespace).stdout.split()]


def require_nothing_left(tunnel: Tunnel) -> None:
    require(not tunnel.host.has_link(tunnel.name), "the interface is still there")
    require(not tunnel.uapi_path.exists(), "the UAPI socket is still there")
    left = [str(path) for path in Path("/run/troupe").glob(f"{tunnel.name}.*")]
    require(not left, f"still there: {left}")
    require(tunnel.name not in tunnel.host.ip("route", "show", "table", "all"), "a route is left")


def background(lab: Lab, kind: str) -> None:
    """Without -f the command returns 0 once interface and sockets serve, and the daemon lives on"""
    tunnel = one_tunnel(lab, kind)
    status = status_of(tunnel, *tunnel.command())
    require(status == 0, f"the command ended with {status}")
    require(tunnel.host.has_link(tunnel.name), "the command returned before the interface was")
    require(accepts(tunnel.uapi_path), "the command returned before the socket served")
    require(tunnel.show("listen-port"), "wg show answered nothing")
    pids = daemons(tunnel.host)
    require(len(pids) == 1, f"{len(pids)} processes run in the background")
    process = Path("/proc", str(pids[0]))
    stdin = os.stat(process / "fd/0").st_rdev
    require(stdin == os.stat("/dev/null").st_rdev, "stdin is not /dev/null")
    name = (process / "comm").read_text(encoding="ascii").strip()
    require(name in ("trouped", "wireguard-go"), f"the main thread is called {name}")
    os.kill(pids[0], signal.SIGTERM)
    wait_until("the daemon ended", lambda: not daemons(tunnel.host))
    require_nothing_left(tunnel)


def background_failure(lab: Lab, kind: str) -> None:
    """A set-up that fails in the background ends with 1, and says why"""
    tunnel = one_tunnel(lab, kind)
    lab.link(tunnel.host, lab.host("right"), [], [])
    tunnel.host.ip("link", "set", "to-right", "down")
    tunnel.host.ip("link", "set", "to-right", "name", tunnel.name)
    status = status_of(tunnel, *tunnel.command(), LOG_LEVEL="error")
    require(status == 1, f"the command ended with {status}")
    require(tunnel.name in tunnel.log.read_text(encoding="utf-8"), "no word about the interface")
    require(not daemons(tunnel.host), "a daemon runs on")
    require(not accepts(tunnel.uapi_path), "a socket serves")


def short_of_descriptors(lab: Lab, kind: str) -> None:
    """A start that runs out of descriptors half-way ends with 1 and leaves nothing"""
    tunnel = one_tunnel(lab, kind)
    for limit in range(6, 24):
        with open(tunnel.log, "ab") as log:
            process = tunnel.host.popen("prlimit", f"--nofile={limit}", program(kind),
                                        *tunnel.command(), stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL)
            lab.children.append(process)
            status = process.wait(30)
        running = daemons(tunnel.host)
        require(bool(running) == (status == 0), f"{limit}: status {status}, daemons {running}")
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        wait_until("the daemon ended", lambda: not daemons(tunnel.host))
        require_nothing_left(tunnel)


def closed_descriptors(lab: Lab, kind: str) -> None:
    """Started with its standard descriptors closed, it serves, and logs into no device"""
    tunnel = one_tunnel(lab, kind)
    command = f"exec {program(kind)} {' '.join(tunnel.command())} <&- >&- 2>&-"
    status = tunnel.host.run("sh", "-c", command).returncode
    require(status == 0, f"it ended with {status}")
    pid = daemons(tunnel.host)[0]
    for number in range(3):
        target = os.stat(f"/proc/{pid}/fd/{number}").st_rdev
        require(target == os.stat("/dev/null").st_rdev, f"descriptor {number} is not /dev/null")
    os.kill(pid, signal.SIGTERM)
    wait_until("the daemon ended", lambda: not daemons(tunnel.host))


def foreground(lab: Lab, kind: str) -> None:
    """-f, --foreground and WG_PROCESS_FOREGROUND=1 keep the process in the foreground"""
    tunnel = one_tunnel(lab, kind)
    for words, variable in ((["-f"], "0"), (["--foreground"], "0"), ([], "1")):
        os.environ["WG_PROCESS_FOREGROUND"] = variable
        try:
            tunnel.launch(*words, tunnel.name)
        finally:
            del os.environ["WG_PROCESS_FOREGROUND"]
        tunnel.wait_serving()
        require(daemons(tunnel.host) == [tunnel.process.pid], "it is another process that runs")
        tunnel.stop()
        require_nothing_left(tunnel)


def usage(lab: Lab, kind: str) -> None:
    """A wrong command line ends with 2, --help and --version with 0"""
    tunnel = one_tunnel(lab, kind)
    wrong = ([], ["--no-such-option"], ["one", "two"], ["--config"],
             ["--config", "x.toml", "name"], ["-f"])
    for words in wrong:
        require(status_of(tunnel, *words) == 2, f"`trouped {' '.join(words)}` did not end with 2")
    for word in ("--help", "--version"):
        require(status_of(tunnel, word) == 0, f"`trouped {word}` did not end with 0")
    for name in ("a/b", "sixteen-letters-"):
        require(status_of(tunnel, "-f", name) in (1, 2), f"the name {name} was taken")
    require(status_of(tunnel, "--config", str(lab.folder / "none.toml"), "-f") == 1,
            "a file that is not there did not end with 1")


def second_instance(lab: Lab, kind: str) -> None:
    """A second daemon on one name is refused with a clear text, and the first one goes on"""
    left, right = two_tunnels(lab, kind)
    before = len(left.log.read_bytes())
    status = status_of(left, "-f", *left.command(), LOG_LEVEL="error")
    require(status == 1, f"the second one ended with {status}")
    said = left.log.read_bytes()[before:].decode()
    require(left.name in said, f"it said {said!r}")
    ping(left.host, right.inner(), count=3)
    require(left.show("peers").strip() == right.public_key, "the first one lost its socket")


def started_together(lab: Lab, kind: str) -> None:
    """Of two daemons started for one name at the same instant one serves, the other is refused"""
    tunnel = one_tunnel(lab, kind)
    for _ in range(12):
        words = tunnel.command()
        with open(tunnel.log, "ab") as log:
            started = [tunnel.host.popen(program(kind), "-f", *words, stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log) for _ in range(2)]
        lab.children += started
        wait_until("one of them ended", lambda: sum(one.poll() is None for one in started) <= 1)
        statuses = [one.poll() for one in started]
        require(sorted(map(str, statuses)) == ["1", "None"], f"they ended with {statuses}")
        tunnel.process = started[statuses.index(None)]
        tunnel.wait_serving()
        require(tunnel.signal_and_wait(signal.SIGTERM) == 0, "the one left did not end with 0")
        require_nothing_left(tunnel)


def ends_by_signal(lab: Lab, kind: str) -> None:
    """SIGTERM and SIGINT end an idle daemon at once with 0, and nothing of it is left"""
    for number in (signal.SIGTERM, signal.SIGINT):
        tunnel = Tunnel(lab, lab.host(f"host{number}"), kind, ["10.66.0.1/24", "fd66::1/64"])
        tunnel.start()
        status = tunnel.signal_and_wait(number)
        require(status == 0, f"after signal {number} it ended with {status}")
        require_nothing_left(tunnel)


def ends_under_load(lab: Lab, kind: str) -> None:
    """SIGTERM ends a daemon in the middle of TCP both ways and a flood"""
    left, right = two_tunnels(lab, kind)
    with Load(left.host, right.host, right.inner()):
        wait_until("traffic flows", lambda: left.peer_state(right).tx_bytes > 1 << 20)
        status = left.signal_and_wait(signal.SIGTERM)
    require(status == 0, f"it ended with {status}")
    require_nothing_left(left)


def killed(lab: Lab, kind: str) -> None:
    """After kill -9 the stale socket is replaced, and the next daemon carries traffic"""
    left, right = two_tunnels(lab, kind)
    require(left.signal_and_wait(signal.SIGKILL) == -signal.SIGKILL, "it survived")
    wait_until("the interface is gone", lambda: not left.host.has_link(left.name))
    left.start()
    wait_until("traffic flows again", lambda: reaches(left.host, right.inner()))


def unread_log(lab: Lab, kind: str) -> None:
    """A daemon whose stderr is a pipe that nobody reads ends cleanly all the same"""
    tunnel = one_tunnel(lab, kind)
    full, unread = os.pipe()
    with open(full, "rb"), open(unread, "wb") as pipe:
        fcntl.fcntl(full, fcntl.F_SETPIPE_SZ, PIPE_OCTETS)
        tunnel.process = tunnel.host.popen(
            program(tunnel.implementation), "-f", *tunnel.command(), stdin=subprocess.DEVNULL,
            stdout=pipe, stderr=pipe, env={**os.environ, "LOG_LEVEL": "verbose"})
        lab.children.append(tunnel.process)
        pipe.close()
        tunnel.wait_serving()

        def waits() -> bool:
            for state in ("down", "up"):  # Each is some lines of the log.
                tunnel.host.ip("link", "set", tunnel.name, state)
            unread_octets = struct.unpack("i", fcntl.ioctl(full, termios.FIONREAD, bytes(4)))[0]
            return unread_octets > PIPE_OCTETS - LINE_OCTETS
        wait_until("the pipe is full", waits)
        for _ in range(10):
            waits()
        tunnel.stop()
    require_nothing_left(tunnel)


def socket_removed(lab: Lab, kind: str) -> None:
    """Who removes the UAPI socket's file ends the daemon, cleanly"""
    tunnel = one_tunnel(lab, kind).start()
    tunnel.uapi_path.unlink()
    status = tunnel.wait_ended()
    require(status == 0, f"it ended with {status}")
    require_nothing_left(tunnel)


def scenarios() -> list[Scenario]:
    plays = (background, background_failure, second_instance, started_together, ends_by_signal,
             ends_under_load, killed, socket_removed)
    found = [scenario(play, kind) for play in plays for kind in KINDS]
    found.append(scenario(foreground, "troupe"))
    if os.environ.get("LAB_IMPL") != "wireguard-go":
        found.append(scenario(usage, "troupe"))
        found += [scenario(play, kind) for play in (closed_descriptors, unread_log)
                  for kind in KINDS]
    # UBSan looks at an object through a pipe: without descriptors all look broken to it.
    if os.environ.get("LAB_IMPL") != "wireguard-go" and not SANITIZED:
        found += [scenario(short_of_descriptors, kind) for kind in KINDS]
    return found


if __name__ == "__main__":
    main(scenarios())
