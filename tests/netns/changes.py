#!/usr/bin/env python3
"""Changes of a running router, by troupectl, by signal and by wg(8): made whole or not at all, and
taken back by themselves unless confirmed. The pair is flow_lab.py's.
"""
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

from control_lab import (EXIT_UNREACHABLE, EXIT_USAGE, apply, ctl, kernel_side, other_peers,
                         refused, running)
from flow_lab import INSIDE, Pair, ask, tool
from flow_traffic import note
from lab import (SANITIZED, STATE_FOLDER, Lab, Scenario, main, require, run, scenario,
                 wait_until)
from packets import kernel_counts
from traffic import Load, ping, reaches
from tunnel import Tunnel, new_key, public_of

APPLIES, BLOCKS = (60, 2) if SANITIZED else (1000, 10)
CONFIRM_S = 10 if SANITIZED else 2
REKEY_AFTER_S = 119  # 120, and the clock of the status has whole seconds.


# --- Changes beside traffic


def applied_again_and_again(lab: Lab) -> None:
    """A thousand applies that add, change and remove other peers cost a flow nothing: its peer
    keeps session and counters, and nothing leaks"""
    pair = Pair(lab).start()
    left, right = pair.left, pair.right
    mates, own = other_peers(9), list(left.peers)
    apply(left)  # What is allocated once.
    time.sleep(0.5)  # Until its connection is closed.
    before, opened = left.peer_state(right), descriptors(left)
    kernel, lost, memory = kernel_side(left), {"diff": 0, "apply": 0}, 0
    with Load(left.host, right.host, INSIDE[1]):
        # The control does the same but for the change: interleaved, for a machine has its moments.
        for verb in BLOCKS * ("diff", "apply"):
            sent_again = kernel_counts(left.host)["TcpRetransSegs"]
            for number in range(APPLIES // BLOCKS):
                left.peers = own + mates[:number % (len(mates) + 1)]
                for peer in left.peers[1:]:
                    peer.keepalive = number % 7 + 1
                ctl(left, verb, str(left.write_toml()))
            lost[verb] += kernel_counts(left.host)["TcpRetransSegs"] - sent_again
            memory = memory or resident(left)  # With all slabs in use.
    left.peers = own
    apply(left)
    after = left.peer_state(right)
    note(f"segments sent again beside {APPLIES} diffs {lost['diff']}, applies {lost['apply']}; "
         f"resident {memory >> 10} KiB before, {resident(left) >> 10} KiB after")
    renewed = after.latest_handshake - before.latest_handshake  # As it is after so long anyhow.
    require(renewed == 0 or renewed >= REKEY_AFTER_S, f"there was a handshake after {renewed} s")
    require(after.tx_bytes > before.tx_bytes and after.rx_bytes > before.rx_bytes,
            f"the counters began anew: {before}, {after}")
    wait_until(f"there are {opened} descriptors again", lambda: descriptors(left) == opened)
    require(kernel_side(left) == kernel, f"{kernel}\nbecame\n{kernel_side(left)}")
    if not SANITIZED:  # Those keep what was freed.
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
    window = {edge["window_bytes"] for edge in ask(left, "flow")["edges"]}
    left.mtu, left.listen_port = 1300, 51999
    left.peers[0].allowed_ips += ["10.98.0.0/16"]
    said = apply(left, interface_extra='fwmark = "0x7"\n[tun]\nqueue_length = 123\n[log]\n'
                                       'actors.tunnel = "debug"\n[credit]\nwindow = 70000\n'
                                       'target_delay = "2ms"')
    note("; ".join(said.splitlines()))
    now = kernel_side(left)
    for wanted in ("10.66.9.1/24", "fd66::1/64", "10.98.0.0/16", "mtu 1300", "qlen 123"):
        require(wanted in now, f"{wanted} is not in:\n{now}")
    status = ask(left, "status")["interface"]
    require(status["listen_port"] == 51999 and status["fwmark"] == 7, f"it says {status}")
    ping(left.host, INSIDE[1])
    now = {edge["window_bytes"] for edge in ask(left, "flow")["edges"]}
    require(now == {70000}, f"the windows were {window} and are {now}")
    own, left.addresses = left.addresses, ["10.66.0.7/24"]  # Not one that was there stays.
    apply(left)
    require("10.98.0.0/16" in kernel_side(left), f"its routes are gone:\n{kernel_side(left)}")
    left.addresses = own
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
    require_refused(good + "[tunnel]\ncpu = 1\n", "tunnel.cpu cannot change while the daemon")
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
    wait_until("the change is taken back", lambda: running(left) == config, CONFIRM_S + 5)
    ping(left.host, INSIDE[1])
    require(kernel_side(left) == kernel, f"{kernel}\nbecame\n{kernel_side(left)}")
    after = left.peer_state(right)
    require(after.latest_handshake == before.latest_handshake and
            after.tx_bytes >= before.tx_bytes, f"{before} became {after}")
    require(not (STATE_FOLDER / left.name).exists(), "something is left on disk")
    past = [each["what"] for each in json.loads(ctl(left, "history", "--json").stdout)]
    require(past[-1] == "taken back" and "1 peer removed" in past[-2], f"the history says {past}")


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


def verbs_confirmed(lab: Lab) -> None:
    """Verbs of peers can be tried and confirmed, too; what changes nothing waits for nothing"""
    left = Pair(lab).start().left
    config = running(left)
    require(ctl(left, "peer", "remove", "peer-0", "--dry-run").stdout == "- peer peer-0\n",
            "it says something else")
    require(running(left) == config, "a dry run changed something")
    said = ctl(left, "peer", "remove", "peer-0", "--confirm", "2s").stdout
    require("taken back in 2 s unless" in said and "[[peer]]" not in running(left), said)
    wait_until("the peer is back", lambda: running(left) == config)
    ping(left.host, INSIDE[1])
    said = apply(left, "--confirm", "2")
    require(said == "nothing changes\nnothing waits to be confirmed\n", f"it said {said!r}")
    for words in (("reload",), ("peer", "disable", "peer-0")):
        done = ctl(left, *words, "--confirm", "3601", fails=True)
        require(done.returncode == EXIT_USAGE and "at most 3600" in done.stderr, f"{done}")


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
    require(not (STATE_FOLDER / left.name).exists(), "it is still pending")


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
    require(run(tool("troupectl"), "check", path).stdout.endswith("ok, 1 peer\n"), "check failed")


def scenarios() -> list[Scenario]:
    return [scenario(each) for each in (
        applied_again_and_again, everything_live, refused_whole, comes_back, confirmed,
        verbs_confirmed, killed_meanwhile, file_and_running, in_words)]


if __name__ == "__main__":
    main(scenarios())
