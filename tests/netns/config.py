#!/usr/bin/env python3
"""The TOML file: checked, started from, and what of it reaches the kernel, the logs and the peers.

      left                                            right
   10.66.0.1 fd66::1                                 10.66.0.2         inside
  [ tunnel ]                                          [ tunnel ]
   192.168.77.1 ----------------- wire ------------- 192.168.77.2      outside

Names in the file are looked up where nobody answers: the name server 192.168.77.9 is nobody's.
"""
import base64
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from lab import Lab, Scenario, main, require, scenario, wait_until
from traffic import ping, reaches
from tunnel import (Peer, Tunnel, Uapi, accepts, endpoint, introduce, new_key,
                    new_preshared_key, program, public_of)

FIVE_MISTAKES = """\
[interface]
name = "{name}"
private_key = "{key}"
listen_port = 70000
adresses = ["10.66.0.1/24"]

[[peer]]
name = "laptop"
public_key = "not-a-key"
allowed_ips = ["10.66.0.0/33"]
persistent_keepalive = 65536
"""
LINES_OF_MISTAKES = [4, 5, 9, 10, 11]
RESOLVE_AGAIN_S = 60


def lone(lab: Lab) -> Tunnel:
    tunnel = Tunnel(lab, lab.host("left"), "troupe-toml", ["10.66.0.1/24", "fd66::1/64"])
    tunnel.peers = [Peer(public_of(new_key()), ["10.66.7.0/24", "fd66:7::/64"])]
    return tunnel


def pair(lab: Lab) -> tuple[Tunnel, Tunnel]:
    hosts = lab.host("left"), lab.host("right")
    lab.link(*hosts, ["192.168.77.1/24"], ["192.168.77.2/24"])
    left = Tunnel(lab, hosts[0], "troupe-toml", ["10.66.0.1/24"])
    right = Tunnel(lab, hosts[1], "wireguard-go", ["10.66.0.2/24"])
    introduce(left, right, right_endpoint=endpoint("192.168.77.2"))
    return left, right


def trouped(tunnel: Tunnel, *words: str) -> subprocess.CompletedProcess[str]:
    return tunnel.host.run(program(tunnel.implementation), *words, fails=True)


def start_fails(tunnel: Tunnel, interface_extra: str = "") -> str:
    """What it said. It must end with 1 and leave nothing behind."""
    done = trouped(tunnel, "-f", *tunnel.command(interface_extra))
    require(done.returncode == 1, f"the start ended with {done.returncode}, not 1")
    require(done.stderr.strip(), "the start failed without a word")
    require(not tunnel.host.has_link(tunnel.name), "the interface is still there")
    require(not accepts(tunnel.uapi_path), "the control socket still serves")
    return done.stderr


def five_mistakes(lab: Lab) -> None:
    """--check finds five mistakes at once, each located, with the nearest key and no secret"""
    tunnel = lone(lab)
    path = tunnel.write_toml()
    done = trouped(tunnel, "--check", str(path))
    require(done.returncode == 0, f"a good file: {done.returncode}, {done.stderr}")
    path.write_text(FIVE_MISTAKES.format(name=tunnel.name, key=tunnel.private_key),
                    encoding="utf-8")
    done = trouped(tunnel, "--check", str(path))
    require(done.returncode == 1, f"five mistakes: exit {done.returncode}")
    found = re.findall(rf"^{re.escape(str(path))}:(\d+):(\d+): error: (.+)$", done.stderr,
                       re.MULTILINE)
    lines = [int(line) for line, _, _ in found]
    require(lines == LINES_OF_MISTAKES, f"errors at the lines {lines}:\n{done.stderr}")
    require(re.search(r"\baddresses\b", found[1][2]), f"no cure in: {found[1][2]}")
    require(tunnel.private_key not in done.stderr, "the private key is in an error text")
    require(not tunnel.host.has_link(tunnel.name), "--check made an interface")


def syntax_error(lab: Lab) -> None:
    """An error of syntax stands alone, with its place"""
    tunnel = lone(lab)
    path = tunnel.write_toml()
    path.write_text("[interface]\nlisten_port = 70000\nmtu = = 5\n", encoding="utf-8")
    done = trouped(tunnel, "--check", str(path))
    require(done.returncode == 1, f"exit {done.returncode}")
    places = re.findall(rf"^{re.escape(str(path))}:(\d+):\d+: error: ", done.stderr, re.MULTILINE)
    require(places == ["3"], f"errors at the lines {places}:\n{done.stderr}")


def own_key(lab: Lab) -> None:
    """A peer with the interface's own key is an error at its place"""
    tunnel = lone(lab)
    tunnel.peers.append(Peer(tunnel.public_key))
    path = tunnel.write_toml()
    done = trouped(tunnel, "--check", str(path))
    line = 1 + path.read_text(encoding="utf-8").splitlines().index(
        f'public_key = "{tunnel.public_key}"')
    require(done.returncode == 1 and
            f"{path}:{line}:14: error: this is the interface's own key" in done.stderr,
            f"exit {done.returncode}: {done.stderr!r}")


def drop_ins(lab: Lab) -> None:
    """Drop-ins are looked for by the interface's name, beside the file; each fault is located"""
    tunnel = lone(lab)
    path = tunnel.write_toml().rename(lab.folder / "another-name.toml")
    folder = lab.folder / f"{tunnel.name}.d"

    def check(expected: int) -> str:
        done = trouped(tunnel, "--check", str(path))
        require(done.returncode == expected, f"exit {done.returncode}: {done.stderr!r}")
        return done.stdout + done.stderr
    require("ok, 1 peer\n" in check(0), "without a folder there are no drop-ins")
    folder.mkdir()
    more = folder / "more.toml"
    more.write_text(f'[[peer]]\npublic_key = "{public_of(new_key())}"\n', encoding="utf-8")
    require("ok, 2 peers" in check(0), "the drop-in was not found")
    os.chown(more, 1234, 0)
    (folder / "dangling.toml").symlink_to("nowhere")
    path.write_text(path.read_text(encoding="utf-8") + "unknown = 1\n", encoding="utf-8")
    said = check(1)
    for place in (f"{path}:", f"{more}:1:1: error: the file belongs to another user",
                  f"{folder}/dangling.toml:1:1: error: cannot be read"):
        require(place in said, f"{place!r} is not in {said!r}")
    more.unlink()
    (folder / "dangling.toml").unlink()
    folder.rmdir()
    folder.write_text("no folder", encoding="utf-8")
    require(f"{folder}:1:1: error: the drop-ins cannot be listed" in check(1), "a file passed")


def open_to_others(lab: Lab) -> None:
    """A file with a key that others can read is refused, and any file that others can write"""
    tunnel = lone(lab)
    path = tunnel.write_toml()
    for mode in (0o644, 0o640, 0o602, 0o620):
        path.chmod(mode)
        done = trouped(tunnel, "--check", str(path))
        require(done.returncode == 1, f"mode {mode:o} was accepted")
        require(str(path) in done.stderr, f"mode {mode:o}: {done.stderr!r} does not name the file")
    key_file = lab.folder / "key"
    key_file.touch(mode=0o600)
    key_file.write_text(tunnel.private_key + "\n", encoding="ascii")
    text = path.read_text(encoding="utf-8").replace(
        f'private_key = "{tunnel.private_key}"', f'private_key_file = "{key_file}"')
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    done = trouped(tunnel, "--check", str(path))
    require(done.returncode == 0, f"no key in it, so others may read it: {done.stderr}")
    key_file.chmod(0o644)
    done = trouped(tunnel, "--check", str(path))
    require(done.returncode == 1 and str(key_file) in done.stderr, "an open key file was accepted")


def reaches_the_kernel(lab: Lab) -> None:
    """Addresses, MTU and routes are set at the start and gone after the end"""
    tunnel = lone(lab)
    tunnel.mtu = 1380
    tunnel.start()
    state = tunnel.host.link_state(tunnel.name)
    require("mtu 1380" in state and "UP" in state, f"the link: {state}")
    addresses = tunnel.host.ip("-o", "address", "show", "dev", tunnel.name)
    for address in tunnel.addresses:
        require(f" {address} " in addresses, f"{address} is not in: {addresses}")

    def routes(version: str, table: str = "main") -> str:
        return tunnel.host.ip(version, "route", "show", "table", table)
    for version, prefix in (("-4", "10.66.7.0/24"), ("-6", "fd66:7::/64")):
        wait_until(f"a route to {prefix}",
                   lambda: f"{prefix} dev {tunnel.name}" in routes(version))
    tunnel.stop()
    for version in ("-4", "-6"):
        require(tunnel.name not in routes(version, "all"), "a route is left")
    require(not tunnel.host.has_link(tunnel.name), "the interface is left")
    tunnel.start('routes = "off"')
    require("10.66.7.0/24" not in routes("-4"), "a route though routes are off")
    tunnel.stop()
    tunnel.start("table = 4242")
    wait_until("a route in the table asked for",
               lambda: "10.66.7.0/24" in routes("-4", "4242"))
    require("10.66.7.0/24" not in routes("-4"), "a route in the main table")


def default_route_without_routes(lab: Lab) -> None:
    """With routes off a default route is a prefix as any other"""
    tunnel = lone(lab)
    tunnel.peers[0].allowed_ips = ["0.0.0.0/0", "::/0"]
    tunnel.start('routes = "off"')
    require(tunnel.state()[tunnel.peers[0].public_key].allowed_ips == {"0.0.0.0/0", "::/0"},
            "the prefixes are not there")
    require("suppress" not in tunnel.host.ip("rule", "show"), "there are rules")


def port_in_use(lab: Lab) -> None:
    """A listen port that is taken fails the start, with its number and nothing left behind"""
    tunnel = lone(lab)
    with tunnel.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", tunnel.listen_port))
        said = start_fails(tunnel)
    require(str(tunnel.listen_port) in said, f"it said {said!r}")
    tunnel.start()


def unresolved_name(lab: Lab) -> None:
    """While one peer's name does not resolve the others carry traffic; it follows when it does"""
    left, right = pair(lab)
    late_host = lab.host("late")
    lab.link(left.host, late_host, ["192.168.79.1/24"], ["192.168.79.2/24"])
    late = Tunnel(lab, late_host, "wireguard-go", ["10.66.0.3/24"])
    introduce(left, late, right_endpoint="late.test:51820")
    left.peers[0].endpoint = "right.test:51820"
    left.host.write_etc("resolv.conf", "nameserver 192.168.77.9\noptions timeout:2 attempts:1\n")
    left.host.write_etc("hosts", "127.0.0.1 localhost\n192.168.77.2 right.test\n")
    for tunnel in (right, late, left):
        tunnel.start()
    # RESOLVER has the start's names off the way of the start: even one that is in a file.
    wait_until("the peer whose name is known is reached",
               lambda: reaches(left.host, right.inner()))
    ping(left.host, right.inner(), count=20)
    require(not reaches(left.host, late.inner()), "an endpoint nobody could resolve was reached")
    require(left.show("peers").split(), "wg waits for the resolver")
    left.host.write_etc("hosts", "192.168.77.2 right.test\n192.168.79.2 late.test\n")
    wait_until("the name is looked up again and the peer reached",
               lambda: reaches(left.host, late.inner()), RESOLVE_AGAIN_S)


def many_unresolved_names(lab: Lab) -> None:
    """Forty names that nobody resolves, looked up at once and again, do the daemon no harm"""
    left, right = pair(lab)
    left.host.write_etc("resolv.conf", "nameserver 192.168.77.9\noptions timeout:1 attempts:1\n")
    left.peers += [Peer(public_of(new_key()), [f"10.67.0.{number}/32"], f"no{number}.test:51820")
                   for number in range(40)]
    for tunnel in (right, left):
        tunnel.start()
    ping(left.host, right.inner())
    time.sleep(6)
    require(left.process.poll() is None, f"the daemon ended with {left.process.poll()}")
    ping(left.host, right.inner())
    left.signal_and_wait(signal.SIGTERM)


def log_targets(lab: Lab) -> None:
    """A log target that is no file, or in no folder, fails the start; nothing waits for it"""
    tunnel = lone(lab)
    fifo = lab.folder / "fifo"
    os.mkfifo(fifo)
    for target in (fifo, lab.folder / "nowhere" / "log", lab.folder):
        said = start_fails(tunnel, f'[log]\ntarget = "{target}"')
        require("log.target" in said, f"{target}: it said {said!r}")
    require(not (lab.folder / "nowhere").exists(), "a folder was made for a log")


def no_core_file(lab: Lab) -> None:
    """No core file can be written, from --check neither, which reads keys as the daemon does"""
    tunnel = lone(lab)
    path = str(tunnel.write_toml())

    def has_no_core(process: subprocess.Popen) -> bool:
        about = Path("/proc", str(process.pid))
        limits = (about / "limits").read_text(encoding="ascii")
        return ((about / "comm").read_text(encoding="ascii") == "trouped\n" and
                re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE) is not None)
    # It stays at its last word, for which a full pipe has no room.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(reading, "rb"), open(writing, "wb", buffering=0) as pipe:
        while pipe.write(bytes(1 << 16)):
            pass
        os.set_blocking(writing, True)
        for words in (["--check", path], ["-f", "--config", path]):
            process = tunnel.host.popen("prlimit", "--core=1000000:1000000",
                                        program(tunnel.implementation), *words, stdout=pipe)
            lab.children.append(process)
            wait_until("no core file", lambda: has_no_core(process))
            process.kill()


def files_of_others(lab: Lab) -> None:
    """A configuration or a key file that belongs to another user is refused"""
    tunnel = lone(lab)
    path = tunnel.write_toml()
    os.chown(path, 1234, 0)
    done = trouped(tunnel, "--check", str(path))
    require(done.returncode == 1 and "chown root" in done.stderr, f"it said {done.stderr!r}")
    os.chown(path, 0, 0)
    require(trouped(tunnel, "--check", str(path)).returncode == 0, "root's own is refused, too")


def keys_stay_secret(lab: Lab) -> None:
    """No secret is in a log at trace or in an error text, whichever way it came"""
    left, right = pair(lab)
    preshared, broken, late = new_preshared_key(), new_key()[:-4], new_key()
    left.peers[0].preshared_key = right.peers[0].preshared_key = preshared
    right.start()
    left.start('[log]\nlevel = "trace"')
    ping(left.host, right.inner(), count=3)
    with Uapi(left.name) as client:
        client.ask("get=1\n\n")
        wrong = base64.b64decode(late).hex()
        for line in (f"private_key={wrong}x", f"private_kay={wrong}",
                     f"public_key={wrong}\npreshared_key={wrong}x"):
            require("errno=-" in client.ask(f"set=1\n{line}\n\n"), f"{line[:12]}... was accepted")
    left.set("private-key", "/dev/stdin", text=late)
    left.signal_and_wait(signal.SIGTERM)
    path = left.write_toml()
    path.write_text(f'[interface]\nname = "{left.name}"\nprivate_key = "{broken}"\n'
                    f'[[peer]]\npublic_key = "{right.public_key}"\npreshared_key = "{broken}"\n',
                    encoding="utf-8")
    said = trouped(left, "--check", str(path)).stderr + left.log.read_text(encoding="utf-8")
    require(len(said.splitlines()) > 20, "the lab expected a log at trace")
    for key in (left.private_key, preshared, broken, late):
        for form in (key, base64.b64decode(key).hex()):
            require(form[:16] not in said, "a secret was written")


def scenarios() -> list[Scenario]:
    return [scenario(play) for play in (
        five_mistakes, syntax_error, own_key, drop_ins, open_to_others,
        reaches_the_kernel, default_route_without_routes, port_in_use, unresolved_name,
        many_unresolved_names, log_targets, files_of_others, no_core_file, keys_stay_secret)]


if __name__ == "__main__":
    main(scenarios())
