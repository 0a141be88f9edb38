#!/usr/bin/env python3
"""Who asks a running router, and how: peers by their verbs, files for their machines, those who may
only read, and those who would do harm. The pair is flow_lab.py's.
"""
import base64
import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from control_lab import EXIT_REFUSED, EXIT_UNREACHABLE, apply, ctl, refused, running
from flow_lab import ADMIN_FOLDER, INSIDE, Pair, ask, tool
from flow_traffic import note
from lab import SANITIZED, Lab, Scenario, main, require, run, scenario, wait_until
from traffic import ping, reaches
from tunnel import Peer, Tunnel

ANSWER_S = 10.0 if SANITIZED else 1.0  # Of one client, whatever others do.
MANY_PEERS, ASKED_BESIDE = 1_000 if SANITIZED else 10_000, 5
ANSWER_MANY_S = 5.0
# Beside a request that is made to cost something.
COSTLY_S, COSTLY_MIB = 20.0 if SANITIZED else 2.0, 512

CLIENTS_MAX = 512  # messages/limits.hpp
# Groups and a user that no machine has, by number alone.
WRITERS, READERS, SOMEBODY = 4711, 4712, 4713


# --- Peers


def invited(lab: Lab) -> None:
    """`invite` makes a file that a wg-quick user, here by way of `import`, reaches the router with;
    verbs of peers let it in, out and in again"""
    pair = Pair(lab).start()
    router, guest = pair.right, pair.left
    shown = ctl(router, "invite", "guest", "--endpoint", "192.168.77.2:51820")
    require("guest is let in" in shown.stderr, f"it said {shown.stderr!r}")
    require("10.66.0.3/32" in shown.stdout, f"the file is\n{shown.stdout}")
    guest.stop()
    file = lab.folder / "guest.conf"
    file.touch(mode=0o600)
    file.write_text(shown.stdout, encoding="utf-8")
    imported = run(tool("troupectl"), "import", str(file)).stdout
    toml = lab.folder / "guest.toml"
    toml.touch(mode=0o600)
    toml.write_text(imported.replace('name = "guest"', f'name = "{guest.name}"', 1),
                    encoding="utf-8")
    guest.launch("-f", "--config", str(toml))
    guest.wait_serving()
    ping(guest.host, INSIDE[1])
    ctl(router, "peer", "disable", "guest")
    require(not reaches(guest.host, INSIDE[1]), "a disabled peer is still there")
    ctl(router, "peer", "enable", "guest")
    wait_until("the guest is back", lambda: reaches(guest.host, INSIDE[1]))
    peers = json.loads(ctl(router, "peers", "--json").stdout)
    require([each["name"] for each in peers] == ["guest", "peer-0"], f"peers are {peers}")
    require("10.66.0.3/32" in ctl(router, "peer", "show", "guest").stdout, "show is wrong")
    before = latest_handshake(router, "guest")
    time.sleep(5.1)  # REKEY_TIMEOUT: none begins sooner after another.
    said = ctl(router, "peer", "rehandshake", "guest").stdout
    require(said == "a handshake with guest begins\n", f"it said {said!r}")
    wait_until("there is another", lambda: latest_handshake(router, "guest") > before)
    exported = ctl(router, "export", "--peer", "guest", "--endpoint", "192.168.77.2:51820").stdout
    for line in ("Address = 10.66.0.3/32", "Endpoint = 192.168.77.2:51820"):
        require(line in exported and line in shown.stdout, f"{line} is not in\n{exported}")
    require("█" in ctl(router, "export", "--peer", "guest", "--qr").stdout, "no QR code")
    require("no peer is called" in refused(router, "peer", "remove", "nobody"), "who was that?")
    ctl(router, "peer", "remove", "guest")
    require("guest" not in running(router), "it is still there")


def latest_handshake(tunnel: Tunnel, peer: str) -> int:
    return next(each["latest_handshake"] for each in ask(tunnel, "status")["peers"]
                if each["name"] == peer)


def from_key_files(lab: Lab) -> None:
    """`export` and `invite` have the keys of a router that read them from files"""
    router = Pair(lab).start().left
    key_file = lab.folder / "own.key"
    key_file.touch(mode=0o600)
    text = router.write_toml().read_text(encoding="utf-8")
    key = next(line for line in text.splitlines() if line.startswith("private_key"))
    key_file.write_text(key.split('"')[1] + "\n", encoding="utf-8")
    with_file = lab.folder / "with_file.toml"
    with_file.touch(mode=0o600)
    with_file.write_text(text.replace(key, f'private_key_file = "{key_file}"'), encoding="utf-8")
    said = ctl(router, "apply", str(with_file)).stdout
    require("private_key_file" in said, f"apply said {said!r}")
    require(key.split('"')[1] in ctl(router, "export").stdout, "export has no private key")
    require("[Interface]" in ctl(router, "invite", "guest").stdout, "invite printed no file")
    require(str(key_file) in running(router), "the key's file is forgotten")
    ping(router.host, INSIDE[1])


# --- Who may only read


def made_groups() -> None:
    for name, number in (("troupe-writers", WRITERS), ("troupe-readers", READERS)):
        if run("getent", "group", name, fails=True).returncode != 0:
            run("groupadd", "-g", str(number), name)


def as_member(group: int, *words: str) -> subprocess.CompletedProcess[str]:
    """troupectl of an unprivileged user with that one supplementary group."""
    return run("setpriv", "--reuid", str(SOMEBODY), "--regid", str(SOMEBODY), "--groups",
               str(group), tool("troupectl"), *words, fails=True)


def readers(lab: Lab) -> None:
    """Members of admin.read_group read and change nothing, members of admin.group do both, and
    others are told who may"""
    made_groups()
    router = Pair(lab).left
    router.start('[admin]\ngroup = "troupe-writers"\nread_group = "troupe-readers"\n')
    asked = ("-i", router.name)
    for group in (WRITERS, READERS):
        told = as_member(group, *asked, "status", "--json")
        require(told.returncode == 0 and json.loads(told.stdout), f"status: {told.stderr!r}")
        shown = as_member(group, *asked, "show", "config").stdout
        require("[interface]" in shown and "private_key =" not in shown, f"config: {shown}")
        done = as_member(group, *asked, "show", "config", "--keys")
        require(done.returncode == EXIT_REFUSED and "only root" in done.stderr, done.stderr)
    done = as_member(READERS, *asked, "peer", "remove", "peer-0")
    require(done.returncode == EXIT_REFUSED and "for reading" in done.stderr, done.stderr)
    done = as_member(SOMEBODY, *asked, "status")
    require(done.returncode == EXIT_UNREACHABLE and "admin.read_group" in done.stderr, done.stderr)
    done = as_member(WRITERS, *asked, "peer", "remove", "peer-0")
    require(done.returncode == 0 and done.stdout == "- peer peer-0\n", done.stderr)
    router.stop()
    require(not list(ADMIN_FOLDER.glob(f"{router.name}*")), "a socket is left behind")


# --- Clients that harm nobody


def nested(lab: Lab) -> None:
    """A request nested a million deep is refused, wherever it is, and the router goes on"""
    left = Pair(lab).start().left
    path = str(ADMIN_FOLDER / f"{left.name}.sock")
    deep = b"[" * 1_000_000 + b"]" * 1_000_000
    for line in (b'{"method":"apply","jsonrpc":"2.0","id":' + deep + b"}\n",
                 b'{"method":"apply","jsonrpc":"2.0","id":1,"params":{"dry_run":' + deep + b"}}\n"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.settimeout(20)
            client.sendall(line)
            with client.makefile("rb") as answer:
                told = json.loads(answer.readline())
        require("nested too deep" in told["error"]["message"], f"it said {told}")
    ask(left, "status")
    ping(left.host, INSIDE[1])


def patient(lab: Lab) -> None:
    """Hundreds of idle clients, a line without an end and one who never reads his answers leave
    `status` to others in under a second"""
    left = Pair(lab).start().left
    path = str(ADMIN_FOLDER / f"{left.name}.sock")

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(path)  # However many wait before it.
        made.settimeout(5)
        return made

    def require_answer(beside: str) -> None:
        begin = time.monotonic()
        ask(left, "status")
        took = time.monotonic() - begin
        note(f"beside {beside} it took {took * 1e3:.0f} ms")
        require(took < ANSWER_S, f"beside {beside} it took {took:.2f} s")

    def flood(begin: bytes) -> None:
        endless.append(connect())
        try:
            endless[-1].sendall(begin)
            for _ in range(100):
                endless[-1].sendall(b"x" * (1 << 20))
        except OSError:
            pass

    endless: list[socket.socket] = []
    idle = [connect() for _ in range(CLIENTS_MAX)]
    require_answer(f"{CLIENTS_MAX} idle clients")
    for client in idle:
        client.close()
    flood(b"")
    require_answer("a line of 100 MiB")
    flood(b'{"method":"apply","params":"')
    require_answer("an apply of 100 MiB")
    deaf = connect()
    deaf.setblocking(False)
    question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "status"}).encode() + b"\n"
    try:
        for _ in range(100_000):
            deaf.sendall(question)
    except BlockingIOError:
        pass
    require_answer("one who never reads")
    half = connect()
    half.sendall(question)
    half.shutdown(socket.SHUT_WR)
    require_answer("one who has closed his half")


def costly_texts() -> dict[str, dict]:
    """What is short to send and long to read: parameters of `diff`."""
    head = "[interface]\nname = \"troupe0\"\n"
    deep = ".a" * 300_000

    def diff(text: str, path: str = "t.toml") -> dict:
        return {"files": [{"path": path, "text": text}]}
    return {
        "a deep key behind a string": diff(f"x = ['''a'b''', {{a{deep} = 1}}]"),
        "unknown keys": diff(head + "".join(f"k{each}=1\n" for each in range(350_000))),
        "dotted keys": diff("".join(f"a{each}.b=1\n" for each in range(250_000))),
        "arrays of tables": diff("".join(f"[[a{each}]]\n" for each in range(250_000))),
        "lists of lists": diff("x = [" + "[]," * 900_000 + "]"),
        "numbers": diff("x = [" + "1," * 1_900_000 + "]"),
        "endpoints": diff(head + '[[peer]]\nendpoint = [' + '"a:1",' * 300_000 + "]"),
        "addresses and prefixes": diff(
            head + "addresses = [" + ", ".join(
                f'"10.{each >> 8}.{each & 255}.1/24"' for each in range(60_000)) + "]\n[[peer]]\n"
            "allowed_ips = [" + ", ".join(
                f'"fd00:{each:x}::/48"' for each in range(60_000)) + "]"),
        "a long path": diff("[[peer]]\n" * 10_000, "x" * 1_000_000),
        "empty objects": {"files": [{} for _ in range(900_000)]},
        "many keys": {f"k{each}": 1 for each in range(200_000)},
    }


def costly(lab: Lab) -> None:
    """Whatever somebody who may only read has compared leaves `status` to others in a second or
    two, and little memory taken"""
    made_groups()
    left = Pair(lab).left
    left.start('[admin]\nread_group = "troupe-readers"\n')
    ask(left, "status")
    for name, parameters in costly_texts().items():
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(ADMIN_FOLDER / f"{left.name}.read.sock"))
            client.settimeout(20 * COSTLY_S)
            line = json.dumps({"method": "diff", "jsonrpc": "2.0", "id": 1, "params": parameters})
            client.sendall(line.encode() + b"\n")
            begin = time.monotonic()
            ask(left, "status")
            took = time.monotonic() - begin
            require(took < COSTLY_S, f"beside {name} it took {took:.2f} s")
            with client.makefile("rb") as answer:
                require(b'"error"' in answer.readline(), f"{name} is no error")
        status = Path(f"/proc/{left.process.pid}/status").read_text(encoding="ascii")
        peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) >> 10
        note(f"beside {name} it took {took * 1e3:.0f} ms; the peak is {peak} MiB")
        require(SANITIZED or peak < COSTLY_MIB, f"with {name} the peak is {peak} MiB")


def unread_invitation(lab: Lab) -> None:
    """Nobody is let in whose file nobody has got"""
    router = Pair(lab).start().left
    unread, full = os.pipe()
    os.close(unread)
    with open(full, "wb") as pipe:
        done = subprocess.run([tool("troupectl"), "-i", router.name, "invite", "ghost"],
                              stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    require(done.returncode == EXIT_REFUSED and "removed again" in done.stderr,
            f"{done.returncode}: {done.stderr}")
    require("ghost" not in running(router), "it is let in")


def slow_reader(lab: Lab) -> None:
    """Who reads an answer of 10,000 peers octet by octet, over either socket, leaves `status` to
    others in under a second"""
    left = Pair(lab).start().left
    left.peers += [Peer(base64.b64encode(os.urandom(32)).decode(),
                        [f"10.{100 + (number >> 8)}.{number & 255}.0/24"])
                   for number in range(MANY_PEERS)]
    apply(left)
    admin, uapi = (socket.socket(socket.AF_UNIX) for _ in range(2))
    admin.connect(str(ADMIN_FOLDER / f"{left.name}.sock"))
    admin.sendall(b'{"jsonrpc": "2.0", "id": 1, "method": "status"}\n')
    uapi.connect(f"/var/run/wireguard/{left.name}.sock")
    uapi.sendall(b"get=1\n\n")
    with admin, uapi:
        for _ in range(ASKED_BESIDE):
            for slow in (admin, uapi):
                slow.settimeout(ANSWER_MANY_S)
                require(len(slow.recv(1)) == 1, "there is no more of the answer")
            begin = time.monotonic()
            peers = ask(left, "status")["peers"]
            took = time.monotonic() - begin
            require(len(peers) == MANY_PEERS + 1, f"it knows {len(peers)} peers")
            require(took < ANSWER_S, f"it took {took:.2f} s")
    note(f"the last answer of {MANY_PEERS} peers took {took * 1e3:.0f} ms")
    ping(left.host, INSIDE[1])


def scenarios() -> list[Scenario]:
    return [scenario(each) for each in (invited, from_key_files, readers, nested, patient,
                                        costly, slow_reader, unread_invitation)]


if __name__ == "__main__":
    main(scenarios())
