#!/usr/bin/env python3
"""Changes of a running router, by troupectl, by signal and by wg(8): made whole or not at all, and
taken back by themselves unless confirmed. The pair is flow_lab.py's.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from flow_lab import ADMIN_FOLDER, INSIDE, Pair, ask, tool
from flow_traffic import note
from lab import Lab, Scenario, main, require, run, scenario, wait_until
from packets import kernel_counts
from traffic import Load, ping, reaches
from tunnel import Peer, Tunnel, new_key, public_of

STATE_FOLDER = Path("/var/lib/troupe")
APPLIES = 300
CONFIRM_S = 2
ANSWER_S = 1.0  # Of one client, whatever others do.
EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHABLE = 1, 2, 3


def ctl(tunnel: Tunnel, *words: str, fails: bool = False,
        text: str | None = None) -> subprocess.CompletedProcess[str]:
    return run(tool("troupectl"), "-i", tunnel.name, *words, fails=fails, text=text)


def apply(tunnel: Tunnel, *words: str, interface_extra: str = "") -> str:
    """What the lab has of the tunnel by now."""
    return ctl(tunnel, "apply", *words, str(tunnel.write_toml(interface_extra))).stdout


def refused(tunnel: Tunnel, *words: str) -> str:
    done = ctl(tunnel, *words, fails=True)
    require(done.returncode == EXIT_REFUSED and done.stderr,
            f"troupectl {' '.join(words)} was not refused: {done.returncode}, {done.stderr!r}")
    return done.stderr


def running(tunnel: Tunnel) -> str:
    return ctl(tunnel, "show", "config", "--keys").stdout


def other_peers(count: int) -> list[Peer]:
    return [Peer(public_of(new_key()), [f"10.99.{number}.0/24"]) for number in range(count)]


def kernel_side(tunnel: Tunnel) -> str:
    """Whatever a change may set of the interface."""
    return "".join(re.sub(r"state \S+|valid_lft \S+|preferred_lft \S+", "", tunnel.host.ip(*words))
                   for words in (("-o", "address", "show", "dev", tunnel.name),
                                 ("-4", "route", "show", "dev", tunnel.name),
                                 ("-6", "route", "show", "dev", tunnel.name),
                                 ("-o", "link", "show", "dev", tunnel.name)))


# --- Changes beside traffic


def applied_again_and_again(lab: Lab) -> None:
    """Hundreds of applies that add, change and remove other peers cost a flow nothing: its peer
    keeps session and counters, and nothing leaks"""
    pair = Pair(lab).start()
    left, right = pair.left, pair.right
    mates, own = other_peers(9), list(left.peers)
    apply(left)  # What is allocated once.
    time.sleep(0.5)  # Until its connection is closed.
    before, opened = left.peer_state(right), descriptors(left)
    kernel, lost, memory = kernel_side(left), [], 0
    with Load(left.host, right.host, INSIDE[1]):
        for applies in (0, APPLIES):
            memory = memory or applies and resident(left)  # With all slabs in use.
            begin, sent_again = time.monotonic(), kernel_counts(left.host)["TcpRetransSegs"]
            for number in range(applies):
                left.peers = own + mates[:number % (len(mates) + 1)]
                for peer in left.peers[1:]:
                    peer.keepalive = number % 7 + 1
                apply(left)
            time.sleep(max(0.0, 3 - (time.monotonic() - begin)))
            lost.append((kernel_counts(left.host)["TcpRetransSegs"] - sent_again) /
                        (time.monotonic() - begin))
    left.peers = own
    apply(left)
    after = left.peer_state(right)
    note(f"{APPLIES} applies; segments sent again per second: without {lost[0]:.1f}, with "
         f"{lost[1]:.1f}; resident {memory >> 10} KiB before, {resident(left) >> 10} KiB after")
    require(after.latest_handshake == before.latest_handshake, "there was another handshake")
    require(after.tx_bytes > before.tx_bytes and after.rx_bytes > before.rx_bytes,
            f"the counters began anew: {before}, {after}")
    wait_until(f"there are {opened} descriptors again", lambda: descriptors(left) == opened)
    require(kernel_side(left) == kernel, f"{kernel}\nbecame\n{kernel_side(left)}")
    if os.environ.get("LAB_SANITIZED") != "ON":  # Those keep what was freed.
        require(resident(left) - memory < 8 << 20, "it takes much more memory than before")


def descriptors(tunnel: Tunnel) -> int:
    return len(os.listdir(f"/proc/{tunnel.process.pid}/fd"))


def resident(tunnel: Tunnel) -> int:
    text = Path(f"/proc/{tunnel.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)[1]) << 10


def everything_live(lab: Lab) -> None:
    """Addresses, routes, MTU, queue length, port, mark and log levels change without a new
    handshake, and back"""
    pair = Pair(lab).start()
    left, right = pair.left, pair.right
    before, kernel = left.peer_state(right), kernel_side(left)
    left.addresses += ["10.66.9.1/24", "fd66::1/64"]
    left.mtu, left.listen_port = 1300, 51999
    left.peers[0].allowed_ips += ["10.98.0.0/16"]
    said = apply(left, interface_extra='fwmark = "0x7"\n[tun]\nqueue_length = 123\n[log]\n'
                                       'actors.tunnel = "debug"')
    note("; ".join(said.splitlines()))
    now = kernel_side(left)
    for wanted in ("10.66.9.1/24", "fd66::1/64", "10.98.0.0/16", "mtu 1300", "qlen 123"):
        require(wanted in now, f"{wanted} is not in:\n{now}")
    status = ask(left, "status")["interface"]
    require(status["listen_port"] == 51999 and status["fwmark"] == 7, f"it says {status}")
    ping(left.host, INSIDE[1])
    left.addresses, left.mtu, left.listen_port = left.addresses[:1], 1420, 51820
    left.peers[0].allowed_ips.pop()
    apply(left)
    require(kernel_side(left) == kernel, f"{kernel}\nbecame\n{kernel_side(left)}")
    ping(left.host, INSIDE[1])
    require(left.peer_state(right).latest_handshake == before.latest_handshake,
            "there was another handshake")


# --- Refused


def refused_whole(lab: Lab) -> None:
    """What cannot be done changes nothing, and says why with exit status 1"""
    left = Pair(lab).start().left
    kernel, config = kernel_side(left), running(left)
    file = left.write_toml()
    good = file.read_text(encoding="utf-8")

    def require_refused(text: str, wanted: str) -> None:
        file.write_text(text, encoding="utf-8")
        said = refused(left, "apply", str(file))
        require(wanted in said, f"{wanted!r} is not in what it said: {said}")
        require(left.private_key not in said, "it said the key")
        require(kernel_side(left) == kernel and running(left) == config, f"{wanted} changed it")

    require_refused(good + "[[peer]]\n", f"{file}:")
    require_refused(good + "[udp]\nsenders = 2\n", "udp.senders cannot change while the daemon")
    with left.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))
        port = taken.getsockname()[1]
        require_refused(good.replace("51820", str(port)).replace("10.66.0.1/24", "10.66.5.1/24"),
                        str(port))
    left.host.ip("route", "add", "10.97.0.0/16", "dev", "to-right")
    require_refused(good.replace('"10.66.0.2/32"', '"10.66.0.2/32", "10.97.0.0/16"')
                    .replace("10.66.0.1/24", "10.66.5.1/24"), "10.97.0.0/16")
    file.chmod(0o644)
    require_refused(good, "chmod go-r")
    done = ctl(left, "apply", "--confirm", "soon", str(file), fails=True)
    require(done.returncode == EXIT_USAGE, f"--confirm soon: {done.returncode}")
    left.stop()
    done = ctl(left, "status", fails=True)
    require(done.returncode == EXIT_UNREACHABLE and left.name in done.stderr, f"{done}")


# --- Confirmed, or taken back


def cut_off(tunnel: Tunnel) -> None:
    """Without a peer, and waiting for confirmation."""
    peers, tunnel.peers = tunnel.peers, []
    said = apply(tunnel, "--confirm", f"{CONFIRM_S}s")
    tunnel.peers = peers
    require("- peer peer-0" in said and "troupectl confirm" in said, f"it said: {said}")


def comes_back(lab: Lab) -> None:
    """A change that cuts off the only peer is taken back in time, with session and endpoint; until
    then every other door is closed"""
    pair = Pair(lab).start()
    left, right = pair.left, pair.right
    before, config, kernel = left.peer_state(right), running(left), kernel_side(left)
    cut_off(left)
    require(not reaches(left.host, INSIDE[1]), "the peer is still there")
    require("waits to be confirmed" in refused(left, "save"), "it saved")
    require("waits to be confirmed" in refused(left, "apply", str(left.write_toml())), "it applied")
    done = left.wg("set", "fwmark", "3", fails=True)
    require(done.returncode != 0 and "busy" in done.stderr.lower(), f"wg set said {done.stderr!r}")
    require(len(os.listdir(STATE_FOLDER / left.name)) == 1, "nothing is kept on disk")
    wait_until("the change is taken back", lambda: running(left) == config, 5)
    ping(left.host, INSIDE[1])
    require(kernel_side(left) == kernel, f"{kernel}\nbecame\n{kernel_side(left)}")
    after = left.peer_state(right)
    require(after.latest_handshake == before.latest_handshake and
            after.tx_bytes >= before.tx_bytes, f"{before} became {after}")
    require(not os.listdir(STATE_FOLDER / left.name), "something is left on disk")
    past = [each["what"] for each in json.loads(ctl(left, "history", "--json").stdout)]
    require(past[-1] == "taken back" and "1 peer removed" in past[-2], f"the history says {past}")
    shutil.rmtree(STATE_FOLDER / left.name)


def confirmed(lab: Lab) -> None:
    """A change that is confirmed stays; one that is rolled back goes at once"""
    left = Pair(lab).start().left
    config = running(left)
    cut_off(left)
    ctl(left, "rollback")
    require(running(left) == config, "the old configuration is not back")
    ping(left.host, INSIDE[1])
    cut_off(left)
    ctl(left, "confirm")
    time.sleep(CONFIRM_S + 0.5)
    require("[[peer]]" not in running(left), "the peer is back though it was confirmed")
    refused(left, "confirm")
    refused(left, "rollback")
    shutil.rmtree(STATE_FOLDER / left.name)


def killed_meanwhile(lab: Lab) -> None:
    """A daemon killed while a change waits comes back with the configuration before it"""
    pair = Pair(lab).start()
    left = pair.left
    config = running(left)
    path = left.write_toml()
    cut_off(left)
    left.signal_and_wait(signal.SIGKILL)
    text = path.read_text(encoding="utf-8")
    require("[[peer]]" not in text, "the lab's file has the peer")
    left.launch("-f", "--config", str(path))
    left.wait_serving()
    require(running(left) == config, f"{config}\nbecame\n{running(left)}")
    ping(left.host, INSIDE[1])
    require("was waiting to be confirmed" in left.log.read_text(encoding="utf-8"),
            "the log does not say so")
    require(not (STATE_FOLDER / left.name / "pending.toml").exists(), "it is still pending")
    shutil.rmtree(STATE_FOLDER / left.name)


# --- The file


def file_and_running(lab: Lab) -> None:
    """`save` writes what `reload` and SIGHUP read, drop-ins and key files stay where they are, and
    a broken file changes nothing"""
    left = Pair(lab).start().left
    path = left.write_toml()
    folder = path.parent / f"{left.name}.d"
    folder.mkdir()
    drop_in = folder / "tablet.toml"
    drop_in.touch(mode=0o600)
    key = public_of(new_key())
    drop_in.write_text(f'[[peer]]\nname = "tablet"\npublic_key = "{key}"\n', encoding="utf-8")
    said = ctl(left, "reload").stdout
    require(said == "+ peer tablet\n", f"reload said {said!r}")
    ctl(left, "log", "level", "tunnel", "trace")
    ping(left.host, INSIDE[1])
    wait_until("TUNNEL traces", lambda: "trace    tunnel: " in left.log.read_text("utf-8"))
    ctl(left, "peer", "set", "peer-0", "--persistent-keepalive", "7")
    config = running(left)
    ctl(left, "save")
    written = path.read_text(encoding="utf-8")
    require("tablet" not in written and "persistent_keepalive = 7" in written, written)
    require(path.stat().st_mode & 0o777 == 0o600, "others can read it")
    require("persistent_keepalive" not in Path(f"{path}.old").read_text(encoding="utf-8"),
            "the file as it was is gone")
    require(ctl(left, "reload").stdout == "nothing changes\n", "reload changes something")
    path.write_text(written.replace("= 7", "= 9"), encoding="utf-8")
    left.process.send_signal(signal.SIGHUP)
    wait_until("SIGHUP takes the file", lambda: "persistent_keepalive = 9" in running(left))
    config, offset = running(left), left.log.stat().st_size
    path.write_text(written + "[", encoding="utf-8")
    left.process.send_signal(signal.SIGHUP)
    wait_until("the log says what is wrong", lambda: f"{path}:".encode() in
               left.log.read_bytes()[offset:])
    require(running(left) == config, "a broken file changed something")


def in_words(lab: Lab) -> None:
    """`diff` and `apply --dry-run` say what would change and change nothing; `check` needs no
    daemon; what `show config` prints can be applied"""
    left = Pair(lab).start().left
    config = running(left)
    left.mtu, left.peers = 1300, left.peers + other_peers(1)
    path = str(left.write_toml())
    for words in (("diff", path), ("apply", "--dry-run", path)):
        said = ctl(left, *words).stdout
        require(said == "~ interface: mtu 1420 -> 1300\n+ peer peer-1\n", f"{words}: {said!r}")
    told = json.loads(ctl(left, "diff", "--json", path).stdout)
    require(told["changes"][0]["before"] == "1420", f"diff --json: {told}")
    require(running(left) == config, "it changed something")
    Path(path).write_text(config, encoding="utf-8")
    require(ctl(left, "apply", path).stdout == "nothing changes\n", "show config is another")
    left.stop()
    require(run(tool("troupectl"), "check", path).stdout.endswith("ok, 1 peers\n"), "check failed")


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
    exported = ctl(router, "export", "--peer", "guest", "--endpoint", "192.168.77.2:51820").stdout
    for line in ("Address = 10.66.0.3/32", "Endpoint = 192.168.77.2:51820"):
        require(line in exported and line in shown.stdout, f"{line} is not in\n{exported}")
    require("█" in ctl(router, "export", "--peer", "guest", "--qr").stdout, "no QR code")
    require("no peer is called" in refused(router, "peer", "remove", "nobody"), "who was that?")
    ctl(router, "peer", "remove", "guest")
    require("guest" not in running(router), "it is still there")


# --- Clients that harm nobody


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

    idle = [connect() for _ in range(400)]
    require_answer("400 idle clients")
    for client in idle:
        client.close()
    endless = connect()
    try:
        for _ in range(100):
            endless.sendall(b"x" * (1 << 20))
    except OSError:
        pass
    require_answer("a line of 100 MiB")
    long = connect()
    try:
        long.sendall(b'{"method":"apply","params":"')
        for _ in range(100):
            long.sendall(b"x" * (1 << 20))
    except OSError:
        pass
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


def scenarios() -> list[Scenario]:
    return [scenario(each) for each in (
        applied_again_and_again, everything_live, refused_whole, comes_back, confirmed,
        killed_meanwhile, file_and_running, in_words, invited, patient)]


if __name__ == "__main__":
    main(scenarios())
