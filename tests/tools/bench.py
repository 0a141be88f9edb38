#!/usr/bin/env python3
"""What tools/bench does with figures, and with measures that fail; it measures nothing here."""
import importlib.util
import sys
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

BENCH = Path(__file__).resolve().parents[2] / "tools/bench"

sys.dont_write_bytecode = True
loader = SourceFileLoader("bench", str(BENCH))
bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
loader.exec_module(bench)
report = bench.report  # which bench finds by its own path


def results() -> report.Results:
    return report.Results({}, {}, "theirs", 3)


class Ratios(unittest.TestCase):
    def test_are_of_figures_of_the_same_round(self) -> None:
        found = results()
        for number, ours in ((2, 10.0), (3, 40.0)):
            found.add("ours", number, {"speed": ours})
        for number, theirs in ((1, 1.0), (2, 10.0), (3, 20.0)):
            found.add("theirs", number, {"speed": theirs})
        self.assertEqual(found.ratio("ours", "speed"), 1.5)

    def test_need_a_round_that_both_have(self) -> None:
        found = results()
        found.add("ours", 1, {"speed": 1.0})
        found.add("theirs", 2, {"speed": 1.0})
        self.assertIsNone(found.ratio("ours", "speed"))

    def test_to_nothing_are_left_out(self) -> None:
        found = results()
        found.add("ours", 1, {"lost": 1.0})
        found.add("theirs", 1, {"lost": 0.0})
        self.assertIsNone(found.ratio("ours", "lost"))
        self.assertIn("1.00", report.text(found))


class Measures(unittest.TestCase):
    def missing_of(self, measure: object, ended: list[list[str]]) -> tuple[list[str], dict]:
        found = results()
        system = SimpleNamespace(name="ours", ended=mock.Mock(side_effect=ended))
        with mock.patch.dict(bench.MEASURES, {"any": measure}):
            bench.one_measure(system, "any", bench.Plan(1, 1), 2, found)
        return found.missing, found.values

    def test_that_fail_in_any_way_are_noted(self) -> None:
        missing, values = self.missing_of(lambda *_: 1 / 0, [[], []])
        self.assertEqual(missing, ["ours, any, round 2: ZeroDivisionError: division by zero"])
        self.assertEqual(values, {})

    def test_count_for_nothing_when_a_daemon_died_in_them(self) -> None:
        missing, values = self.missing_of(lambda *_: {"speed": 1.0}, [[], ["dead"], ["dead"]])
        self.assertEqual(missing, ["ours, any, round 2: its figures are not to be trusted; dead"])
        self.assertEqual(values, {})

    def test_are_not_tried_without_a_daemon(self) -> None:
        missing, _ = self.missing_of(mock.Mock(side_effect=AssertionError), [["dead"], ["dead"]])
        self.assertEqual(missing, ["ours, any, round 2: not tried; dead"])

    def test_that_succeed_are_kept(self) -> None:
        missing, values = self.missing_of(lambda *_: {"speed": 1.0}, [[], []])
        self.assertEqual((missing, values), ([], {"ours": {"speed": {2: 1.0}}}))


if __name__ == "__main__":
    unittest.main()
