"""The page and its picture, from measured results."""

import math
import statistics
from pathlib import Path

import cases
import chart
from engines import BEFORE

PEERS = {"onnxruntime": "onnxruntime", "openvino": "OpenVINO"}
ORDER = {"m4c": "m4c"} | PEERS
# Closer than this, two engines are as fast as each other: rounds of one engine differ as much.
EQUAL = 0.03
# By how much outputs may differ, relative to the largest magnitude: engines sum in different orders.
TOLERANCE = 1e-3


def engine_summary(entry):
    """Median over all runs, and by how much the medians of rounds differ from it."""
    rounds = [turn["times"] for turn in entry["rounds"]]
    median = statistics.median(time for times in rounds for time in times)
    middles = [statistics.median(times) for times in rounds]
    return {
        "median": median,
        "spread": max(abs(middle - median) for middle in middles) / median,
        "min": min(min(times) for times in rounds),
        "runs": sum(map(len, rounds)),
        "rounds": len(rounds),
        "load": statistics.median(turn["load"] for turn in entry["rounds"]),
        "first": statistics.median(turn["first"] for turn in entry["rounds"]),
        "peak": max(turn["peak"] or 0 for turn in entry["rounds"]) or None,
    }


def ratios(theirs, ours):
    """One for each turn, in rising order: within a turn, the machine is as fast for both. The last turns of both count."""
    turns = min(len(theirs["rounds"]), len(ours["rounds"]))
    medians = [[statistics.median(turn["times"]) for turn in entry["rounds"][-turns:]] for entry in (theirs, ours)]
    return sorted(their / our for their, our in zip(*medians))


def interval(values):
    """Where the median lies with a probability of 95 % at least, whatever the distribution: between these of the sorted values,
    `None` where they are too few."""
    count, missed, cut = len(values), 0.0, 0
    # As many values as heads among coins are below the median.
    while (missed := missed + math.comb(count, cut) / 2**count) <= 0.025:
        cut += 1
    return (values[cut - 1], values[count - cut]) if cut else None


def summary(results):
    """What is reported of each model: the engines' numbers, and how many times as fast as a peer m4c is."""
    out = {}
    models = results.get("models", {})
    order = [*(name for name in cases.CASES if name in models), *(name for name in models if name not in cases.CASES)]
    for name in order:
        found = models[name]
        all_engines = {engine: engine_summary(entry) for engine, entry in found.get("engines", {}).items()}
        made = found.get("compiled", {}).get("m4c", {})
        row = {key: found.get(key) for key in ("what", "threads")}
        row |= {"compile": made.get("seconds"), "artifact_bytes": made.get("bytes")}
        row["engines"] = all_engines
        row["disagreeing"] = [
            engine for engine, entry in found.get("agreement", {}).items() if engine not in all_engines and "off" in entry
        ]
        row["failed"] = [engine for engine, entry in found.get("agreement", {}).items() if "error" in entry]
        if "m4c" in all_engines:
            ours = found["engines"]["m4c"]
            row["ratios"] = {
                peer: statistics.median(ratios(found["engines"][peer], ours)) for peer in PEERS if peer in all_engines
            }
            if BEFORE in all_engines:
                turns = ratios(found["engines"][BEFORE], ours)
                row |= {"faster": statistics.median(turns), "faster_between": interval(turns), "faster_turns": len(turns)}
        out[name] = row
    return out


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def listed(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def verdicts(rows):
    """Who is faster where, in words; what m4c loses comes first."""
    lines = []
    for peer, shown in PEERS.items():
        ratios = {name: row["ratios"][peer] for name, row in rows.items() if peer in row.get("ratios", {})}
        if not ratios:
            lines.append(f"* {shown} was not measured.")
            continue
        lost = [f"{name} ({1 / ratio:.2f} times as long)" for name, ratio in ratios.items() if ratio < 1 - EQUAL]
        won = [f"{name} ({ratio:.2f} times as fast)" for name, ratio in ratios.items() if ratio > 1 + EQUAL]
        same = [name for name, ratio in ratios.items() if abs(ratio - 1) <= EQUAL]
        mean = geometric_mean(ratios.values())
        parts = [f"m4c is slower than {shown} on {listed(lost)}" if lost else f"m4c is slower than {shown} on no model"]
        parts += [f"as fast (within {EQUAL:.0%}) on {listed(same)}"] if same else []
        parts += [f"faster on {listed(won)}"] if won else []
        over = f"Over all {len(ratios)} models m4c is {mean:.2f} times as fast (geometric mean)."
        lines.append(f"* {'; '.join(parts)}. {over}")
    if missing := [name for name in cases.CASES if name not in rows]:
        lines.append(f"* Not measured: {listed(missing)}.")
    for name, row in rows.items():
        for engine in row["disagreeing"]:
            lines.append(f"* The outputs of {ORDER[engine]} for {name} differ from those of m4c: it was not timed.")
        for engine in row["failed"]:
            lines.append(f"* {ORDER[engine]} cannot run {name}.")
    return lines


def milliseconds(seconds):
    return f"{1e3 * seconds:,.{0 if seconds >= 10 else 1 if seconds >= 0.1 else 2}f}".replace(",", " ")


def spread(found):
    """The median, and by how much turns differ, where there were several."""
    return milliseconds(found["median"]) + (f" ± {found['spread']:.0%}" if found["rounds"] > 1 else "")


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def time_table(rows):
    heads = ["model", *(f"{shown}, ms" for shown in ORDER.values()), *(f"{shown} / m4c" for shown in PEERS.values())]
    body = []
    for name, row in rows.items():
        cells = [f"`{name}` {row['what']}"]
        for engine in ORDER:
            found = row["engines"].get(engine)
            cells.append(spread(found) if found else "–")
        cells += [f"{row['ratios'][peer]:.2f}" if peer in row.get("ratios", {}) else "–" for peer in PEERS]
        body.append(cells)
    means = ["**geometric mean**", *[""] * len(ORDER)]
    for peer in PEERS:
        ratios = [row["ratios"][peer] for row in rows.values() if peer in row.get("ratios", {})]
        means.append(f"**{geometric_mean(ratios):.2f}**" if ratios else "–")
    return table(heads, [*body, means])


def other_table(rows):
    heads = ["model", *(f"{shown}: MiB" for shown in ORDER.values()), *(f"{shown}: load, s" for shown in ORDER.values())]
    body = []
    for name, row in rows.items():
        found = [row["engines"].get(engine) for engine in ORDER]
        cells = [f"`{name}`", *(f"{one['peak'] / 2**20:.0f}" if one and one["peak"] else "–" for one in found)]
        cells += [f"{one['load']:.2f}" if one else "–" for one in found]
        body.append([*cells, f"{row['compile']:.1f}"])
    return table([*heads, "m4c compile, s"], body)


def before_section(rows, before):
    """How much faster m4c has become."""
    body = []
    for name, row in rows.items():
        if "faster" in row:
            between = row["faster_between"]
            sure = f"{between[0]:.2f} to {between[1]:.2f}" if between else "too few turns"
            times = [spread(row["engines"][build]) for build in (BEFORE, "m4c")]
            body.append([f"`{name}`", *times, f"{row['faster']:.2f}", sure, str(row["faster_turns"])])
    mean = geometric_mean([row["faster"] for row in rows.values() if "faster" in row])
    body.append(["**geometric mean**", "", "", f"**{mean:.2f}**", "", ""])
    return [
        "## Before and now", "",
        f"Before is the build of {before}; both took turns with the others. The interval holds the median with a probability of 95 %.", "",
        *table(["model", "before, ms", "now, ms", "before / now", "interval", "turns"], body), "",
    ]


def write(results, page):
    """Writes the page, and its picture beside it."""
    rows = {name: row for name, row in summary(results).items() if row.get("ratios")}
    if not rows:
        raise SystemExit("peers: nothing was measured yet; `measure` does")
    picture = page.with_name(page.stem + ".svg")
    picture.write_text(chart.bars({name: row["ratios"] for name, row in rows.items()}, PEERS))
    machine, versions = results["machine"], results["versions"]
    threads = sorted({row["threads"] for row in rows.values()})
    sets = ", ".join(machine["instruction_sets"])
    family = ", ".join(f"{key} {value}" for key, value in machine["family"].items())
    memory = machine["memory_bytes"] / 2**30
    runs = sorted(one["runs"] for row in rows.values() for one in row["engines"].values())
    rounds = sorted(one["rounds"] for row in rows.values() for one in row["engines"].values())
    before = versions.get(BEFORE) if any("faster" in row for row in rows.values()) else None
    again = f" --before {before}" if before else ""
    text = [
        "# Benchmarks", "",
        "Made by `models/bench/peers.py`, which this reproduces (`--help` tells how to measure one model, or one's own):", "",
        "```sh", "cargo build --release -p m4c", f"python models/bench/peers.py all --install{again}", "```", "",
        f"{results['date']}; {machine['processor']} ({family}), {machine['cores']} cores, {sets}, {memory:.0f} GiB, "
        f"{machine['system']}; {listed([str(count) for count in threads])} thread{'' if threads == [1] else 's'}; "
        + ", ".join(f"{ORDER[name]} {found}" for name, found in versions.items() if name in ORDER) + ".", "",
        "## Who is faster", "", *verdicts(rows), "",
        f"![How many times as fast as others m4c is]({picture.name})", "",
        "## Time of a run", "", *time_table(rows), "",
        "Times are medians over all runs; ± is how far the median of a turn lies from it at most, if there were several. The",
        "last columns are the other's time by m4c's, above 1 where m4c is faster: the median over turns, since both have the same",
        "machine within a turn.", "", *(before_section(rows, before) if before else []),
        "## Memory and time to load", "", *other_table(rows), "",
        "Memory is the peak of the whole process while it loads and runs: for m4c with the file that it maps, for the others with",
        "Python and NumPy, about 60 MiB. To load is to make a session ready to run. m4c compiles once, ahead of time; the others",
        "optimize the graph whenever they load.", "",
        "## How it is measured", "",
        "* Full-size architectures with random weights (MiniLM has real ones), exported by `models/export.py`; f32 throughout.",
        f"* Before anything is timed, outputs must agree within {TOLERANCE:g} of the largest magnitude.",
        f"* The engines take turns, {span(rounds)} times, each in a fresh process that warms up first; {span(runs)} timed runs an engine.",
        "* onnxruntime: all optimizations, intra-op threads as above, one inter-op thread. OpenVINO: f32 as inference precision,",
        "  one stream, latency hint. m4c: one artifact for all x86-64 processors, compiled with symbolic sizes.", "",
        "How long rewriting takes beside other graph optimizers: [benchmarks-rewriting.md](benchmarks-rewriting.md).",
    ]
    Path(page).write_text("\n".join(text) + "\n")


def span(numbers):
    return str(numbers[0]) if numbers[0] == numbers[-1] else f"{numbers[0]} to {numbers[-1]}"
