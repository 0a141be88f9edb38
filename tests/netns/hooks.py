#!/usr/bin/env python3
"""Commands around the interface's life: when they run, with what, and what becomes of a start or an
end when they fail or hang. The hosts are routing_lab.py's.
"""
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from control_lab import ctl
from lab import Lab, Scenario, main, require, run, scenario, wait_until
from routing_lab import Way, start
from tunnel import Tunnel, program


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
            f"cat >{seen}.input; echo a-word-for-the-log; echo its-last >&2")
    start(tunnel, f'pre_up = "{look}"\npost_up = "{look}"')
    wait_until("it has run", lambda: tunnel.log.read_text().count("its-last") == 2)
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


class Hanging:
    """A command that hangs."""

    def __init__(self, lab: Lab) -> None:
        self.trace = lab.folder / "hanging"
        self.text = f"trap '' TERM INT HUP; echo $$ >{self.trace}; sleep 1000 & wait"

    def began(self) -> bool:
        return self.trace.exists() and self.trace.read_text(encoding="utf-8").strip() != ""

    def require_ended(self) -> None:
        group = int(self.trace.read_text(encoding="utf-8"))
        wait_until("nothing of it runs", lambda: run("pgrep", "-g", str(group),
                                                     "-r", "R,S,D", fails=True).stdout == "")
        self.trace.unlink()


def hanging(lab: Lab) -> None:
    """A command that hangs is ended by SIGTERM, with all that it started; when the time of a kind
    is over none behind it begins"""
    tunnel, hook, trace = lone(lab), Hanging(lab), lab.folder / "trace"
    hang, hangs, require_ended = hook.text, hook.began, hook.require_ended
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
    start(tunnel, f'pre_down = ["{hang}", "echo pre >>{trace}"]\n'
                  f'post_down = "echo post >>{trace}"')
    tunnel.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    require(tunnel.process.wait(120) == 0, "the end was not clean")
    require(time.monotonic() - began > 20, "nobody waited for it")
    require_ended()
    require(trace.read_text(encoding="utf-8") == "post\n", "one behind it ran")
    require("from command 2 of pre_down on none is run" in tunnel.log.read_text(encoding="utf-8"),
            "no word of those behind it")


def launcher(lab: Lab) -> None:
    """Who ends the command that waits for the start ends the start: nothing of it is left"""
    tunnel, hook = lone(lab), Hanging(lab)
    for kind in ("pre_up", "post_up"):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            tunnel.launch(*tunnel.command(f'{kind} = "{hook.text}"'))
            wait_until("it hangs", hook.began)
            require(tunnel.signal_and_wait(number) == 1, "the start did not fail")
            hook.require_ended()
            require("was asked to end meanwhile" in tunnel.log.read_text(encoding="utf-8"),
                    "no word")
            tunnel.log.write_text("", encoding="utf-8")
            require(not tunnel.host.has_link(tunnel.name), "the interface is left")
            require(not run("ip", "netns", "pids", tunnel.host.namespace).stdout,
                    "a process is left")


def deleted_at_start(lab: Lab) -> None:
    """An interface that is deleted while post_up runs is a start that failed"""
    tunnel = lone(lab)
    for options in ((), ("-f",)):
        said = said_by_start(tunnel, 'post_up = "ip link del %i; sleep 2"', *options)
        require("was deleted" in said, said)


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


def scenarios() -> list[Scenario]:
    return [scenario(play) for play in
            (hooks_in_order, hooks_see_nothing, failing_up, failing_down, hanging, launcher,
             hooks_live, deleted, deleted_at_start)]


if __name__ == "__main__":
    main(scenarios())
