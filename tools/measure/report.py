"""What was measured, as a table, as JSON and as a chart: medians over the rounds, their spread, and
the ratio to the baseline."""
import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape


@dataclass
class Results:
    machine: dict[str, str]
    versions: dict[str, str]
    baseline: str
    rounds: int
    notes: list[str] = field(default_factory=list)
    # system -> figure -> round -> value; a round may lack any of them
    values: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, system: str, round_number: int, figures: dict[str, float]) -> None:
        of_system = self.values.setdefault(system, {})
        for name, value in figures.items():
            of_system.setdefault(name, {})[round_number] = value

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def figures(self) -> list[str]:
        names: dict[str, None] = {}
        for of_system in self.values.values():
            names.update(dict.fromkeys(of_system))
        return list(names)

    def median(self, system: str, figure: str) -> float | None:
        found = self.values.get(system, {}).get(figure)
        return statistics.median(found.values()) if found else None

    def ratio(self, system: str, figure: str) -> float | None:
        """The median of the rounds' own ratios: what disturbed a round disturbed both."""
        ours = self.values.get(system, {}).get(figure, {})
        theirs = self.values.get(self.baseline, {}).get(figure, {})
        ratios = [our / theirs[number] for number, our in ours.items() if theirs.get(number)]
        return statistics.median(ratios) if ratios and system != self.baseline else None


def shown(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(results: Results, system: str, figure: str) -> str:
    found = list(results.values.get(system, {}).get(figure, {}).values())
    if not found:
        return "-"
    text = shown(statistics.median(found))
    if len(found) > 1:
        text += f" [{shown(min(found))}..{shown(max(found))}]"
    ratio = results.ratio(system, figure)
    return text + (f"  x{ratio:.2f}" if ratio is not None else "")


def table(results: Results) -> str:
    systems = list(results.values)
    rows = [["", *systems]]
    rows += [[figure, *(cell(results, system, figure) for system in systems)]
             for figure in results.figures()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
                     for row in rows)


def text(results: Results) -> str:
    lines = [f"{key}: {value}" for key, value in results.machine.items()]
    lines += [f"{system}: {version}" for system, version in results.versions.items()]
    lines += [f"note: {note}" for note in results.notes]
    lines += ["", f"medians of {results.rounds} interleaved rounds [least..most], and the ratio to "
                  f"{results.baseline}", "", table(results)]
    lines += ["", *(f"not measured: {each}" for each in results.missing)] if results.missing else []
    return "\n".join(lines)


def as_json(results: Results) -> str:
    medians = {system: {figure: {"median": results.median(system, figure),
                                 "ratio": results.ratio(system, figure), "rounds": values}
                        for figure, values in figures.items()}
               for system, figures in results.values.items()}
    return json.dumps({"machine": results.machine, "versions": results.versions,
                       "baseline": results.baseline, "notes": results.notes, "results": medians,
                       "missing": results.missing}, indent=2)


BAR_HEIGHT, GAP, LABEL_WIDTH, CHART_WIDTH = 16, 26, 190, 420
COLOURS = ("#2f6db3", "#9aa5b1", "#c9d1d9", "#6a9a5b", "#b38a2f", "#8a5bb3")


def chart(results: Results, figures: list[str]) -> str:
    """Bars by figure and system, each figure to its own scale; without the bare wire, beside which
    the others could not be told apart. SVG, so that git can show it."""
    systems = [system for system in results.values if system != "veth"]
    y, parts = 10, []
    for figure in figures:
        medians = [(system, results.median(system, figure)) for system in systems]
        known = [(system, value) for system, value in medians if value is not None]
        if not known:
            continue
        largest = max(value for _, value in known) or 1.0
        parts.append(f'<text x="0" y="{y + 12}" font-weight="bold">{escape(figure)}</text>')
        y += 20
        for system, value in known:
            width = max(1, round(CHART_WIDTH * value / largest))
            colour = COLOURS[systems.index(system) % len(COLOURS)]
            parts.append(f'<text x="{LABEL_WIDTH - 8}" y="{y + 12}" text-anchor="end">'
                         f'{escape(system)}</text><rect x="{LABEL_WIDTH}" y="{y}" width="{width}" '
                         f'height="{BAR_HEIGHT - 2}" fill="{colour}"/>'
                         f'<text x="{LABEL_WIDTH + width + 6}" y="{y + 12}">{shown(value)}</text>')
            y += BAR_HEIGHT
        y += GAP - BAR_HEIGHT
    width = LABEL_WIDTH + CHART_WIDTH + 60
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
            f'viewBox="0 0 {width} {y}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")


def write(path: str, content: str) -> None:
    Path(path).write_text(content, encoding="utf-8")
