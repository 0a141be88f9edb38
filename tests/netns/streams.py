#!/usr/bin/env python3
"""Looking at a running router while it runs: its log as it is written, with the trace of packets
that nobody else gets, and all its actors. The pair is flow_lab.py's.
"""
import json
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from control_lab import EXIT_UNREACHABLE, ctl, refused
from doors import READERS, SOMEBODY, made_groups
from flow_lab import (ADMIN_FOLDER, INSIDE, MEMORY_BESIDE, MIB, Pair, ask, peak_memory, tool)
from flow_traffic import Streams, note
from lab import SANITIZED, Lab, Scenario, main, require, run, scenario, wait_until
from traffic import ping
from tunnel import Tunnel

ANSWER_S = 20.0 if SANITIZED else 1.0  # Of a question, whatever streams there are.
# messages/limits.hpp: what waits for one who does not read, what is being sent to it, and the rest.
STREAM_MEMORY = MIB
STREAMS_MAX = 16
ACTORS = {"supervisor", "tun-reader/0", "tunnel", "udp-sender/0", "udp-receiver/v4",
          "udp-receiver/v6", "tun-writer/0", "admin", "uapi", "resolver"}


class Follower:
    """`troupectl logs --follow`, which a lab that ends takes along."""

    def __init__(self, lab: Lab, tunnel: Tunnel, *words: str, user: tuple[str, ...] = ()) -> None:
        self.path = lab.log(f"follower-{len(lab.children)}")
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen(
                (*user, tool("troupectl"), "-i", tunnel.name, "logs", "--follow", *words),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        lab.children.append(self.process)

    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def wait_for(self, part: str) -> None:
        def has_come() -> bool:
            require(self.process.poll() is None, f"it ended: {self.text()[-500:]}")
            return part in self.text()
        wait_until(f"a follower has read {part!r}", has_come)

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


def info_log(lab: Lab) -> Pair:
    return Pair(lab, '[log]\nlevel = "info"\n').start()


def follow_by_hand(tunnel: Tunnel, **params: object) -> socket.socket:
    """Whose answer nobody reads."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(ADMIN_FOLDER / f"{tunnel.name}.sock"))
    made.settimeout(20)
    request = {"jsonrpc": "2.0", "id": 1, "method": "logs", "params": {"follow": True, **params}}
    made.sendall(json.dumps(request).encode() + b"\n")
    return made


def traced(lab: Lab) -> None:
    """`logs --follow --level trace --actor tunnel` is the live trace of packets, which the daemon's
    own log has none of"""
    left = info_log(lab).left
    follower = Follower(lab, left, "--level", "trace", "--actor", "tunnel", "--peer", "peer-0")
    follower.wait_for("handshake completed")  # What was logged before comes first.
    ping(left.host, INSIDE[1])
    follower.wait_for(": opened 1 packets, 84 octets -> tun-writer/0")
    follower.wait_for(": sealed 1 datagrams")
    require(follower.end() == 0, f"SIGINT ended it otherwise: {follower.text()[-300:]}")
    for line in follower.text().splitlines():
        require(re.match(r"\S+Z \w+ +tunnel: (batch \S+: )?peer peer-0: ", line), f"who is {line}")
    own = left.log.read_text(encoding="utf-8")
    require("handshake completed" in own and " trace " not in own, f"the daemon's log is\n{own}")
    shown = ctl(left, "logs", "--json", "--actor", "tunnel").stdout.splitlines()
    lines = [json.loads(line) for line in shown]
    require(lines and all(set(line) == {"time", "level", "actor", "message"} and
                          line["level"] != "trace" for line in lines), f"logs are {lines}")
    require("no actor is called" in refused(left, "logs", "--actor", "tunel"), "who is that?")
    require("no peer is called" in refused(left, "logs", "--peer", "peer"), "who is that?")


def composed(lab: Lab) -> None:
    """A change of level during a stream holds for the daemon's log, and the stream goes on"""
    left = info_log(lab).left
    follower = Follower(lab, left, "--level", "trace", "--json")
    ctl(left, "log", "level", "tunnel", "debug")
    ping(left.host, INSIDE[1])
    follower.wait_for("sealed 1 datagrams")
    ctl(left, "log", "level", "tunnel", "trace")
    ping(left.host, INSIDE[1])
    wait_until("the daemon's log has packets, too", lambda: b"sealed 1 datagrams" in
               left.log.read_bytes())
    ctl(left, "log", "level", "tunnel", "info")
    before = left.log.stat().st_size
    ping(left.host, INSIDE[1])
    require(follower.end() == 0, "it did not end cleanly")
    require(b" trace " not in left.log.read_bytes()[before:], "a level stayed")


def ends(lab: Lab) -> None:
    """A stream ends with status 0 by SIGINT or when its reader goes, and with 3 when the daemon
    does"""
    left = info_log(lab).left
    done = run("sh", "-c", f"{tool('troupectl')} -i {left.name} logs --follow | head -n 1",
               timeout=20)
    require(len(done.stdout.splitlines()) == 1 and not done.stderr, f"head had {done}")
    gone = Follower(lab, left, "--level", "trace")
    gone.wait_for("handshake completed")
    gone.end(signal.SIGKILL)
    follower = Follower(lab, left)
    follower.wait_for("handshake completed")
    left.stop()
    require(follower.process.wait(20) == EXIT_UNREACHABLE, "the status is another")
    require(f"the daemon of {left.name} ended\n" in follower.text(), f"it said {follower.text()}")


def readers(lab: Lab) -> None:
    """Who may only read follows what is logged, and has no level lowered"""
    made_groups()
    router = Pair(lab).left
    router.start('[log]\nlevel = "info"\n[admin]\nread_group = "troupe-readers"\n')
    user = ("setpriv", "--reuid", str(SOMEBODY), "--regid", str(SOMEBODY), "--groups", str(READERS))
    done = run(*user, tool("troupectl"), "-i", router.name, "logs", "--follow", "--level", "trace",
               fails=True)
    require(done.returncode == 1 and "below what is logged" in done.stderr, f"it said {done}")
    follower = Follower(lab, router, "--level", "info", user=user)
    follower.wait_for("port 51820")
    require(follower.end() == 0, "it did not end cleanly")


def deaf(lab: Lab) -> None:
    """Streams of everything that nobody reads leave packets, questions and memory alone, and a
    further one is refused"""
    pair = info_log(lab)
    left = pair.left
    streams = [follow_by_hand(left, level="trace") for _ in range(STREAMS_MAX)]
    half, flooding = streams[:2]
    half.shutdown(socket.SHUT_WR)
    for client in streams:
        client.recv(1, socket.MSG_PEEK)  # It has been answered.
    require("follow the log already" in refused(left, "logs", "--follow"), "one more was let in")
    with Streams(left.host, pair.right.host, INSIDE[1], 4) as flows:
        flows.wait_for_more(8 * MIB)
        flooding.setblocking(False)
        try:
            while True:
                flooding.send(b"x" * 65536)
        except BlockingIOError:
            pass
        for _ in range(5):
            begin = time.monotonic()
            ask(left, "status")
            took = time.monotonic() - begin
            note(f"status took {took * 1e3:.0f} ms")
            require(took < ANSWER_S, f"status took {took:.2f} s")
        flows.wait_for_more(8 * MIB)
        busy = actors(left)
    most = ask(left, "flow")["bound_bytes"] + MEMORY_BESIDE + STREAMS_MAX * STREAM_MEMORY
    peak = peak_memory(left)
    note(f"peak {peak / MIB:.1f} MiB of {most / MIB:.1f}")
    # The sanitizers keep what was freed.
    require(SANITIZED or peak <= most,
            f"{peak / MIB:.1f} MiB were used, and {most / MIB:.1f} are the most")
    require(busy["tunnel"]["packets_per_s"] > 0, f"tunnel is {busy['tunnel']}")
    with streams[2].makefile("rb") as lines:
        while json.loads(lines.readline()).get("method") != "logs.lost":
            pass  # The socket's own buffer comes first.
    for client in streams:
        client.close()
    wait_until("there is room again", lambda: b"true" in first_line(left))


def first_line(tunnel: Tunnel) -> bytes:
    with follow_by_hand(tunnel) as made, made.makefile("rb") as lines:
        return lines.readline()


def actors(tunnel: Tunnel) -> dict[str, dict]:
    """Each by its name, as `troupectl actors --json` has it."""
    shown = json.loads(ctl(tunnel, "actors", "--json").stdout)
    require(0.9 < shown["seconds"] < 30, f"rates are of {shown['seconds']} s")
    return {each["actor"]: each for each in shown["actors"]}


def roll(lab: Lab) -> None:
    """`actors` shows every actor with the figures of its thread, also under load"""
    pair = info_log(lab)
    left = pair.left
    with Streams(left.host, pair.right.host, INSIDE[1], 2) as flows:
        flows.wait_for_more(4 * MIB)
        told = actors(left)
        table = ctl(left, "actors", "--interval", "0.5").stdout
        flows.wait_for_more(4 * MIB)
    names = set(told)
    require(ACTORS <= names and all(name.startswith("handshaker") for name in names - ACTORS),
            f"actors are {sorted(names)}")
    threads = Path(f"/proc/{left.process.pid}/task")
    for name, each in told.items():
        require(each["answers"], f"{name} does not answer")
        require(name in table, f"{name} is not in\n{table}")
        if each["thread"] == "pool":
            continue
        comm = (threads / str(each["tid"]) / "comm").read_text(encoding="ascii").strip()
        require(comm == each["thread"] == name, f"{name} has the thread {comm}")
        require(each["cpu_ns"] > 0 and 0 <= each["cpu_share"] <= 1.1, f"{name} is {each}")
        require(each["mailbox"] is not None and each["messages"] > 0, f"{name} is {each}")
    for name in ("tunnel", "tun-reader/0", "udp-sender/0", "udp-receiver/v4", "tun-writer/0"):
        each = told[name]
        require(each["batches_per_s"] > 0 and each["packets_per_s"] >= each["batches_per_s"] and
                each["cpu_share"] > 0, f"{name} under load is {each}")
    pinned = "CPU " in ask(left, "status")["interface"]["cpu"].split(":")[0] and \
        not ask(left, "status")["interface"]["cpu"].startswith("any")
    require(told["tunnel"]["pinned"] == pinned, f"tunnel is {told['tunnel']}")


def scenarios() -> list[Scenario]:
    return [scenario(each) for each in (traced, composed, ends, readers, deaf, roll)]


if __name__ == "__main__":
    main(scenarios())
