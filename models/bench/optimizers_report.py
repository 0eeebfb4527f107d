"""The page about optimizers, from measured results."""

import statistics
from pathlib import Path

from optimizing import OPTIMIZERS
from report import listed, table

ORDER = ("img_enc", "llama_prefill", "llama_decode", "sd_unet")
USUAL_LAYERS, MORE_LAYERS = 32, 128


def seconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def place(key):
    name, exporter = key.split()
    return "-" in name, ORDER.index(name.partition("-")[0]), exporter != "ts"


def shown(key):
    name, exporter = key.split()
    name, _, layers = name.partition("-")
    return f"`{name}`{f', {layers} layers' if layers else ''}, `{exporter}`"


def cell(found, where, text):
    if not found:
        return "–"
    entry = found.get(where, {})
    return "fails" if "error" in entry else text(entry) if entry else "–"


def optimizer_table(models, where, text, names):
    body = [[shown(key), *(cell(found.get(name), where, text) for name in names)] for key, found in models.items()]
    return table(["model", *(OPTIMIZERS[name].shown for name in names)], body)


def time_of(entry):
    return seconds(entry["seconds"]) + ("*" if entry.get("fixed_sizes") else "")


def verdicts(models, names):
    """Who takes longer than m4c, and where m4c does."""
    lines = []
    for name in names:
        if name.startswith("m4c"):
            continue
        both = {key: found for key, found in models.items() if "seconds" in found.get(name, {}).get("one", {}) and "m4c" in found}
        ratios = {key: found[name]["one"]["seconds"] / found["m4c"]["one"]["seconds"] for key, found in both.items()}
        other = OPTIMIZERS[name].shown
        if not ratios:
            lines.append(f"* {other} optimizes none of the files.")
            continue
        lost = [f"{shown(key)} ({1 / ratio:.1f} times as long)" for key, ratio in ratios.items() if ratio < 1]
        won = f"{min(ratios.values()):.1f} to {max(ratios.values()):.0f} times as long as m4c"
        text = f"* {other} takes {won} (median {statistics.median(ratios.values()):.0f})"
        text += f"; m4c takes longer on {listed(lost)}" if lost else ""
        fewer = [key for key, found in both.items() if found[name]["one"]["after"] < found["m4c"]["one"]["after"]]
        text += f"; it leaves fewer nodes on {listed(list(map(shown, fewer)))}" if fewer else ""
        failed = [shown(key) for key, found in models.items() if "error" in found.get(name, {}).get("one", {})]
        loads = ", what it takes to load included" if name in ("onnxruntime", "transformers") else ""
        text += loads
        lines.append(text + (f"; it fails on {listed(failed)}" if failed else "") + ".")
    missing = [one.shown for name, one in OPTIMIZERS.items() if name not in names]
    return lines + ([f"* Not measured: {listed(missing)}."] if missing else [])


def stage_table(models):
    heads = ["model", "cut, s", "saturate, s", "extract, s", "all, s", "warm, s", "as one piece, s", "blocks: nodes × times"]
    body = []
    for key, found in models.items():
        if "stages" not in found:
            continue
        parts, rewriting = found["stages"]["seconds"], found["stages"]["rewriting"]
        parts = [parts[name] for name in ("cut", "saturate", "extract")]
        runs = [sum(run) for run in zip(*parts)]
        blocks = ", ".join(f"{block['nodes']} × {block['occurrences']}" for block in rewriting["blocks"])
        whole = cell(found.get("m4c-whole"), "one", time_of)
        first = [seconds(times[0]) for times in (*parts, runs)]
        body.append([shown(key), *first, seconds(statistics.median(runs[1:] or runs)), whole, blocks or "none"])
    return table(heads, body)


def scale_table(models, names):
    """How much longer each layer takes where there are more."""
    body = []
    for key, found in models.items():
        name, exporter = key.split()
        deep = models.get(f"{name}-{MORE_LAYERS} {exporter}")
        if not deep:
            continue
        def ratio(optimizer):
            pair = [one.get(optimizer, {}).get("one", {}).get("seconds") for one in (found, deep)]
            return f"{pair[1] / pair[0] * USUAL_LAYERS / MORE_LAYERS:.2f}" if all(pair) else "–"

        body.append([shown(key), *map(ratio, names)])
    return table(["model", *(OPTIMIZERS[name].shown for name in names)], body)


def write(results, page):
    found = results.get("models", {})
    models = {key: found[key] for key in sorted(found, key=place)}
    names = [name for name in OPTIMIZERS if any(name in entry for entry in models.values())]
    if not models:
        raise SystemExit("optimizers: nothing was measured yet; `measure` does")
    machine, versions = results["machine"], results["versions"]
    used = listed([f"{OPTIMIZERS[name].shown} {text}" for name, text in versions.items() if text])
    text = [
        "# Rewriting beside other graph optimizers", "",
        "How long does it take to optimize the graph of a model with all its layers, but narrow ones? Made by",
        "`models/bench/optimizers.py`, which this reproduces (`--help` tells how to measure one model):", "",
        "```sh", "cargo build --release -p m4c", "cargo build --release -p m4c-tests --features tract --examples",
        "python models/bench/optimizers.py all --install", "```", "",
        f"{results['date']}; {machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{machine['system']}; {used}. Times are medians of {results['runs']} processes.", "",
        "## Who is faster", "", *verdicts(models, names), "",
        "## Seconds on one core", "", *optimizer_table(models, "one", time_of, names), "",
        "\\* with fixed sizes: tract does not take the symbolic ones of the file.", "",
        "What the seconds include:", "",
        *(f"* {OPTIMIZERS[name].shown}: {OPTIMIZERS[name].time}." for name in names), "",
        "The optimizers do different things: m4c searches all forms that its rules know and lowers to what a target takes,",
        "onnxsim and onnxslim fold constants and remove nodes, onnxruntime and tract also choose kernels and layouts.", "",
        f"## Seconds on all {machine['cores']} cores", "", *optimizer_table(models, "all", time_of, names), "",
        "## Nodes before and after", "",
        "Constants are not counted, but m4c counts those that are nodes of the file. Operators of each are its own: those of m4c are primitives and composites after lowering,",
        "tract's are typed at first.", "",
        *optimizer_table(models, "one", lambda entry: f"{entry['before']} → {entry['after']}", names), "",
        "## What m4c's time is made of", "",
        "The first run of a process, and the median of later ones (warm). As one piece: no block is cut out, all is saturated at once.", "",
        *stage_table(models), "",
        f"## Time of a layer with {MORE_LAYERS} layers, by that with {USUAL_LAYERS}", "",
        *scale_table(models, names),
    ]
    Path(page).write_text("\n".join(text) + "\n")
