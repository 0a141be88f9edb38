#!/usr/bin/env python3
"""troupectl as its users meet it: commands, exit statuses, texts.

It runs itself again in mount, network and process namespaces of its own, with an empty /run: the
daemons of the machine are neither seen nor disturbed, and whatever is left over ends with them.
TROUPE_BIN is the folder of the programs; arguments choose tests, as unittest has it.
"""
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("TROUPE_BIN", ROOT / "build/release/bin"))
RUN_FOLDER = Path("/run/troupe")
OWN_NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
INSIDE = "TROUPE_TEST_INSIDE"

DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3

# RFC 7748, section 6.1.
ALICE_PRIVATE, ALICE_PUBLIC, BOB_PUBLIC = (
    base64.b64encode(bytes.fromhex(digits)).decode() for digits in
    ("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))


def ctl(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run((BIN / "troupectl", *arguments), input=text, capture_output=True,
                          text=True, timeout=60, check=False)


class FakeDaemon:
    """A socket that answers every request alike, or never when the answer is None."""

    def __init__(self, name: str, answer: bytes | None) -> None:
        RUN_FOLDER.mkdir(exist_ok=True)
        self.path = RUN_FOLDER / f"{name}.sock"
        self.path.unlink(missing_ok=True)
        self.answer = answer
        self.request = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(self.path))
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self) -> "FakeDaemon":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.path.unlink()

    def serve(self) -> None:
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            with client:
                received = client.recv(4096)
                if not received:
                    continue
                self.request = received
                if self.answer is None:
                    client.recv(1)
                else:
                    client.sendall(self.answer)


def result(value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode() + b"\n"


STATUS = {"interface": {"name": "wgt0", "public_key": None, "listen_port": 1, "fwmark": 0,
                        "mtu": 1420}, "peers": [], "later": {"b": 1, "a": 2}}


class Keys(unittest.TestCase):
    def test_a_private_key_is_clamped_and_new_each_time(self) -> None:
        keys = [base64.b64decode(ctl("genkey").stdout, validate=False) for _ in range(20)]
        self.assertEqual(len(set(keys)), 20)
        for key in keys:
            self.assertEqual((len(key), key[0] & 7, key[31] & 0xc0), (32, 0, 0x40))

    def test_a_preshared_key_is_not_clamped(self) -> None:
        keys = [base64.b64decode(ctl("genpsk").stdout) for _ in range(40)]
        self.assertEqual({len(key) for key in keys}, {32})
        self.assertTrue(any(key[0] & 7 for key in keys))
        self.assertTrue(any(key[31] & 0x80 for key in keys))

    def test_the_public_key_is_that_of_rfc_7748_with_space_around_the_private_one(self) -> None:
        for text in (ALICE_PRIVATE, f"{ALICE_PRIVATE}\n", f" \t{ALICE_PRIVATE}\r\n\n"):
            done = ctl("pubkey", text=text)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (DONE, ALICE_PUBLIC + "\n", ""))

    def test_keys_are_those_that_wg_makes_of_them(self) -> None:
        private = ctl("genkey").stdout
        wanted = subprocess.run(("wg", "pubkey"), input=private, capture_output=True, text=True,
                                check=True).stdout
        self.assertEqual(ctl("pubkey", text=private).stdout, wanted)

    def test_what_is_no_key_gives_one_line_that_does_not_repeat_it(self) -> None:
        for text in ("", "\n", "secretsecret", ALICE_PRIVATE[:-1], ALICE_PRIVATE[1:],
                     f"{ALICE_PRIVATE} {ALICE_PRIVATE}", ALICE_PRIVATE + "A" * 5000):
            done = ctl("pubkey", text=text)
            self.assertEqual((done.returncode, done.stdout), (FAILED, ""), text)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertIn("no private key", done.stderr)
            if text.strip():
                self.assertNotIn(text[:12], done.stderr)

    def test_a_key_as_an_argument_is_wrong_usage_and_not_repeated(self) -> None:
        for command in ("pubkey", "genkey", "genpsk"):
            done = ctl(command, ALICE_PRIVATE)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
            self.assertNotIn(ALICE_PRIVATE[:12], done.stderr)

    def test_a_file_that_others_can_read_is_warned_of(self) -> None:
        for mode, warned in ((0o644, True), (0o640, True), (0o600, False)):
            with tempfile.NamedTemporaryFile() as file:
                os.fchmod(file.fileno(), mode)
                done = subprocess.run((BIN / "troupectl", "genkey"), stdout=file,
                                      stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual(done.returncode, DONE)
                self.assertEqual("warning" in done.stderr, warned, f"{mode:o}: {done.stderr}")
                self.assertEqual(len(Path(file.name).read_text(encoding="ascii")), 45)

    def test_a_key_that_cannot_be_written_is_a_failure(self) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run((BIN / "troupectl", "genkey"), stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("cannot write the key", done.stderr)


class CommandLine(unittest.TestCase):
    def test_help_and_version_are_printed(self) -> None:
        for option, part in (("--help", "pubkey"), ("--version", "troupectl ")):
            done = ctl(option)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""))
            self.assertIn(part, done.stdout)

    def test_what_is_unknown_or_missing_is_wrong_usage(self) -> None:
        for arguments in ((), ("dance",), ("status", "--fast"), ("status", "x"), ("-i",),
                          ("-i", "a/b", "status"), ("-i", "", "status"), ("genkey", "genpsk")):
            done = ctl(*arguments)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""), arguments)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_an_unknown_command_is_named_and_the_nearest_suggested(self) -> None:
        for words, said in ((("statu",), "called `statu`; did you mean `status`?"),
                            (("-i", "x", "peer", "shw", "y"), "`shw`; did you mean `show`?"),
                            ((ALICE_PRIVATE,), "(text withheld, as it may hold a key)")):
            done = ctl(*words)
            self.assertEqual(done.returncode, USAGE)
            self.assertIn(said, done.stderr)
        self.assertIn("A subcommand is required", ctl("peer").stderr)


def completed(*words: str) -> list[str]:
    """What bash offers for the last word."""
    script = ('. "$0"; COMP_WORDS=(troupectl "$@"); COMP_CWORD=$#; _troupectl; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(("bash", "-c", script, ROOT / "tools/completions/troupectl.bash", *words),
                          env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
                          capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


class Completion(unittest.TestCase):
    def test_commands_and_options_are_offered_as_far_as_they_are_typed(self) -> None:
        self.assertEqual(completed("pee"), ["peers", "peer"])
        self.assertEqual(completed("-i", "wg0", "peer", "re"), ["remove", "rehandshake"])
        self.assertEqual(completed("apply", "file", "--c"), ["--confirm"])
        self.assertEqual(completed("apply", "--conf"), ["--confirm"])
        self.assertIn("--interface", completed("peer", "add", "--"))
        self.assertEqual(completed("apply", "--h"), ["--help"])
        self.assertEqual(completed("peers", "--sort", ""), ["name", "handshake", "rx", "tx"])
        self.assertEqual(completed("rpc", "peer.re"), ["peer.remove", "peer.rehandshake"])
        self.assertEqual(completed("nonsense"), [])

    def test_levels_and_actors_are_offered(self) -> None:
        self.assertEqual(completed("logs", "--level", "t"), ["trace"])
        self.assertEqual(completed("logs", "--actor", "tun-"), ["tun-reader", "tun-writer"])
        self.assertEqual(completed("log", "level", "tunn"), ["tunnel"])
        self.assertEqual(completed("log", "level", "tunnel", "de"), ["debug"])

    def test_where_a_file_or_anything_may_come_nothing_is(self) -> None:
        for words in (("apply", ""), ("apply", "--confirm", ""), ("import", "/e"), ("-i", "")):
            self.assertEqual(completed(*words), [], words)

    def test_without_a_daemon_no_peer_is_offered(self) -> None:
        self.assertEqual(completed("peer", "show", ""), [])


class Permissions(unittest.TestCase):
    def test_a_file_that_others_can_read_is_taken_only_if_somebody_insists(self) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(f'[interface]\nname = "wgt0"\nprivate_key = "{ALICE_PRIVATE}"\n')
            file.flush()
            os.chmod(file.name, 0o644)
            for program, words in (("troupectl", ("check",)), ("trouped", ("--check",))):
                done = subprocess.run((BIN / program, *words, file.name), capture_output=True,
                                      text=True, check=False)
                self.assertEqual(done.returncode, FAILED)
                self.assertIn(f"chmod go-r {file.name}", done.stderr)
                self.assertNotIn(ALICE_PRIVATE, done.stderr)
                done = subprocess.run((BIN / program, *words, file.name, "--insecure-permissions"),
                                      capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (DONE, ""))


    def test_a_folder_of_drop_ins_that_others_can_write_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file, drop_ins = Path(folder, "wgt0.toml"), Path(folder, "wgt0.d")
            file.touch(mode=0o600)
            file.write_text(f'[interface]\nname = "wgt0"\nprivate_key = "{ALICE_PRIVATE}"\n')
            drop_ins.mkdir(mode=0o755)
            self.assertEqual(ctl("check", str(file)).returncode, DONE)
            drop_ins.chmod(0o775)
            done = ctl("check", str(file))
            self.assertEqual(done.returncode, FAILED)
            self.assertIn(f"others can write this folder; run: chmod go-w {drop_ins}", done.stderr)
            self.assertEqual(ctl("check", str(file), "--insecure-permissions").returncode, DONE)


class Daemons(unittest.TestCase):
    def test_without_a_daemon_the_text_says_so(self) -> None:
        for arguments in ((), ("-i", "wgt0")):
            done = ctl(*arguments, "status")
            self.assertEqual((done.returncode, done.stdout), (UNREACHABLE, ""))
            self.assertIn("no daemon is running", done.stderr)

    def test_the_only_daemon_needs_no_name(self) -> None:
        with FakeDaemon("wgt0", result(STATUS)) as daemon:
            for arguments in (("status",), ("-i", "wgt0", "status"), ("status", "-i", "wgt0")):
                done = ctl(*arguments)
                self.assertEqual((done.returncode, done.stderr), (DONE, ""))
                self.assertIn("interface wgt0", done.stdout)
            self.assertEqual(json.loads(daemon.request),
                             {"jsonrpc": "2.0", "id": 1, "method": "status"})

    def test_a_socket_for_readers_is_no_daemon_of_its_own(self) -> None:
        with FakeDaemon("wgt0", result(STATUS)), FakeDaemon("wgt0.read", None):
            self.assertEqual(ctl("status").returncode, DONE)

    def test_daemons_that_run_are_offered(self) -> None:
        with FakeDaemon("wgt0", result(STATUS)), FakeDaemon("wgt1", None):
            self.assertEqual(completed("-i", ""), ["wgt0", "wgt1"])
            self.assertEqual(completed("status", "--interface", "wgt1"), ["wgt1"])

    def test_json_is_the_daemons_result_key_for_key(self) -> None:
        with FakeDaemon("wgt0", result(STATUS)):
            self.assertEqual(json.dumps(json.loads(ctl("status", "--json").stdout)),
                             json.dumps(STATUS))

    def test_of_several_daemons_one_must_be_named(self) -> None:
        with FakeDaemon("wgt1", result(STATUS)), FakeDaemon("wgt0", result(STATUS)):
            done = ctl("status")
            self.assertEqual(done.returncode, USAGE)
            self.assertIn("wgt0, wgt1", done.stderr)
            self.assertEqual(ctl("-i", "wgt1", "status").returncode, DONE)

    def test_a_socket_that_nobody_serves_does_not_count(self) -> None:
        with FakeDaemon("wgt0", result(STATUS)):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
                dead.bind(str(RUN_FOLDER / "wgt9.sock"))
            self.addCleanup((RUN_FOLDER / "wgt9.sock").unlink)
            self.assertEqual(ctl("status").returncode, DONE)
            self.assertEqual(ctl("-i", "wgt9", "status").returncode, UNREACHABLE)

    def test_a_refusal_is_told_in_the_daemons_words(self) -> None:
        refusal = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "not today"}}
        with FakeDaemon("wgt0", json.dumps(refusal).encode() + b"\n"):
            done = ctl("status")
            self.assertEqual((done.returncode, done.stderr), (FAILED, "troupectl: not today\n"))

    def test_an_answer_that_makes_no_sense_is_a_failure(self) -> None:
        for answer in (b"hello\n", b"{}\n", b"[1]\n", result({"interface": 1}), result([])):
            with FakeDaemon("wgt0", answer):
                done = ctl("status")
                self.assertEqual((done.returncode, done.stdout), (FAILED, ""), answer)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_daemon_that_hangs_up_or_is_silent_is_not_reachable(self) -> None:
        for answer, part in ((b"", "without an answer"), (b"{", "without an answer"),
                             (None, "does not answer")):
            with FakeDaemon("wgt0", answer):
                done = ctl("status")
                self.assertEqual((done.returncode, done.stdout), (UNREACHABLE, ""))
                self.assertIn(part, done.stderr)


def notified(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode() + b"\n"


LINE = notified("logs", time="2026-11-23T06:08:19.123456Z", level="info", actor="tunnel",
                message="peer a: added")


class Logs(unittest.TestCase):
    def test_lines_are_printed_as_the_daemon_writes_them(self) -> None:
        with FakeDaemon("wgt0", result({"lines": [json.loads(LINE)["params"]]})) as daemon:
            done = ctl("logs", "--actor", "tunnel", "--peer", "a", "--level", "debug")
            self.assertEqual(done.stdout,
                             "2026-11-23T06:08:19.123456Z info     tunnel: peer a: added\n")
            self.assertEqual(json.loads(daemon.request)["params"],
                             {"actor": "tunnel", "peer": "a", "level": "debug"})
            self.assertEqual(json.loads(ctl("logs", "--json").stdout), json.loads(LINE)["params"])

    def test_a_stream_goes_on_to_the_end_of_the_daemon(self) -> None:
        stream = result({"following": True}) + LINE + notified("logs.lost", lines=7) + LINE
        for end, text in ((notified("logs.end", reason="x"), "the daemon of wgt0 ended"),
                          (b"", "the daemon of wgt0 closed the connection")):
            with FakeDaemon("wgt0", stream + end):
                done = ctl("logs", "--follow")
                self.assertEqual((done.returncode, done.stderr),
                                 (UNREACHABLE, f"troupectl: {text}\n"))
                self.assertEqual(done.stdout.count("peer a: added\n"), 2)
                self.assertIn("-- 7 lines lost", done.stdout)
        with FakeDaemon("wgt0", stream):
            lines = ctl("logs", "-f", "--json").stdout.splitlines()
            self.assertEqual(json.loads(lines[1]), {"lost": 7})

    def test_a_refused_stream_is_a_failure(self) -> None:
        refusal = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32003, "message": "no"}}
        with FakeDaemon("wgt0", json.dumps(refusal).encode() + b"\n"):
            self.assertEqual(ctl("logs", "--follow").returncode, FAILED)


class Peers(unittest.TestCase):
    def test_an_empty_text_takes_away(self) -> None:
        with FakeDaemon("wgt0", result({"changes": []})) as daemon:
            for words, params in (
                    (("--endpoint", ""), {"endpoint": ""}),
                    (("--endpoint", "", "--endpoint", "a:1"), {"endpoint": ["", "a:1"]}),
                    (("--allowed-ips", ""), {"allowed_ips": []}),
                    (("--preshared-key", ""), {"preshared_key": ""}),
                    (("--persistent-keepalive", ""), {"persistent_keepalive": 0})):
                self.assertEqual(ctl("peer", "set", "a", *words).returncode, DONE)
                self.assertEqual(json.loads(daemon.request)["params"], {**params, "peer": "a"})


class TheRealDaemon(unittest.TestCase):
    def setUp(self) -> None:
        self.daemon = subprocess.Popen((BIN / "trouped", "-f", "wgt0"), stderr=subprocess.DEVNULL,
                                       env={**os.environ, "LOG_LEVEL": "debug"})
        self.addCleanup(self.end)
        while not (RUN_FOLDER / "wgt0.sock").exists():
            self.assertIsNone(self.daemon.poll(), "trouped ended")

    def end(self) -> None:
        self.daemon.send_signal(signal.SIGCONT)
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(20), 0)

    def test_its_status_shows_what_wg_set(self) -> None:
        subprocess.run(("wg", "set", "wgt0", "private-key", "/dev/stdin", "listen-port", "7777",
                        "fwmark", "0x51", "peer", BOB_PUBLIC, "allowed-ips", "10.9.0.0/24",
                        "endpoint", "192.0.2.7:7"), input=ALICE_PRIVATE, text=True, check=True)
        table = ctl("status")
        self.assertEqual((table.returncode, table.stderr), (DONE, ""))
        for part in (f"interface wgt0  public key {ALICE_PUBLIC}  port 7777", "fwmark 0x51",
                     "192.0.2.7:7", "never", "10.9.0.0/24"):
            self.assertIn(part, table.stdout)
        status = json.loads(ctl("status", "--json").stdout)
        self.assertEqual(status["interface"]["listen_port"], 7777)
        self.assertEqual([peer["allowed_ips"] for peer in status["peers"]], [["10.9.0.0/24"]])
        self.assertNotIn(ALICE_PRIVATE, json.dumps(status) + table.stdout)
        name = status["peers"][0]["name"]
        for words in (("peer", "show", ""), ("-i", "wgt0", "peer", "remove", name[:2]),
                      ("export", "--peer", "")):
            self.assertEqual(completed(*words), [name], words)

    def test_a_stream_ends_with_its_reader_or_by_sigint(self) -> None:
        done = subprocess.run(f"{BIN / 'troupectl'} logs --follow --level trace | head -n 1",
                              shell=True, capture_output=True, text=True, timeout=20, check=True)
        self.assertEqual((done.stdout.count("\n"), done.stderr), (1, ""))
        with subprocess.Popen((BIN / "troupectl", "logs", "-f"), stdout=subprocess.PIPE,
                              text=True) as follower:
            self.assertIn("supervisor: ", follower.stdout.readline())
            follower.send_signal(signal.SIGINT)
            self.assertEqual(follower.wait(20), DONE)

    def test_its_actors_are_listed(self) -> None:
        actors = json.loads(ctl("actors", "--interval", "0.3", "--json").stdout)["actors"]
        self.assertLessEqual({"supervisor", "tunnel", "admin", "uapi", "resolver"},
                             {each["actor"] for each in actors})
        self.assertEqual(ctl("actors", "--interval", "0.1").returncode, USAGE)

    def test_a_stopped_daemon_is_not_waited_for_without_end(self) -> None:
        self.daemon.send_signal(signal.SIGSTOP)
        done = ctl("status")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertIn("the daemon of wgt0 does not answer", done.stderr)


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("this test needs root: it makes namespaces")
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp(OWN_NAMESPACES[0], (*OWN_NAMESPACES, sys.executable, *sys.argv))
    subprocess.run(("mount", "-t", "tmpfs", "none", "/run"), check=True)
    unittest.main()


if __name__ == "__main__":
    main()
