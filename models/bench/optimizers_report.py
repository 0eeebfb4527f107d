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
    if "limit" in entry:
        return f"> {entry['limit']:g} s"
    return "fails" if "error" in entry else text(entry) if entry else "–"


def optimizer_table(models, where, text, names):
    body = [[shown(key), *(cell(found.get(name), where, text) for name in names)] for key, found in models.items()]
    return table(["model", *(OPTIMIZERS[name].shown for name in names)], body)


def time_of(entry):
    return seconds(entry["seconds"]) + ("*" if "symbolic_sizes" in entry else "")


def on_one(models, name):
    """What an optimizer did on one core, by model."""
    entries = {key: found.get(name, {}).get("one") for key, found in models.items()}
    return {key: entry for key, entry in entries.items() if entry}


def verdicts(models, names):
    """Who takes longer than m4c, and where m4c does."""
    lines = []
    ours = {key: entry for key, entry in on_one(models, "m4c").items() if "seconds" in entry}
    for name in names:
        if name.startswith("m4c"):
            continue
        theirs, other = on_one(models, name), OPTIMIZERS[name].shown
        both = {key: (entry, ours[key]) for key, entry in theirs.items() if "seconds" in entry and key in ours}
        ratios = {key: their["seconds"] / our["seconds"] for key, (their, our) in both.items()}
        if not ratios:
            lines.append(f"* {other} optimizes none of the {len(theirs)} files.")
            continue
        text = f"* {other} takes {factor(min(ratios.values()))} to {factor(max(ratios.values()))} times as long as m4c on "
        text += f"{len(ratios)} of {len(models)} files (median {factor(statistics.median(ratios.values()))})"
        loads = [entry["parts"]["load"] / entry["seconds"] for entry, _ in both.values()] if name == "onnxruntime" else []
        text += f", loading included, which alone takes {statistics.median(loads):.0%} of that" if loads else ""
        lost = [f"{shown(key)} ({1 / ratio:.1f} times as long)" for key, ratio in ratios.items() if ratio < 1]
        text += f"; m4c takes longer on {listed(lost)}" if lost else ""
        fewer = [shown(key) for key, (their, our) in both.items() if their["after"] < our["after"]]
        text += f"; it leaves fewer nodes on {listed(fewer)}" if fewer else ""
        endless = [shown(key) for key, entry in theirs.items() if "limit" in entry]
        text += f"; it does not end in time on {listed(endless)}" if endless else ""
        failed = [shown(key) for key, entry in theirs.items() if "error" in entry and "limit" not in entry]
        lines.append(text + (f"; it fails on {listed(failed)}" if failed else "") + ".")
    missing = [one.shown for name, one in OPTIMIZERS.items() if name not in names]
    return lines + ([f"* Not measured: {listed(missing)}."] if missing else [])


def factor(ratio):
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"


def refusals(models, names, kind):
    """The errors of each optimizer in its own words, and the models that have them."""
    lines = []
    for name in names:
        models_of = {}
        for key, entry in on_one(models, name).items():
            if kind in entry and "limit" not in entry:
                models_of.setdefault(entry[kind], []).append(shown(key))
        for text, keys in models_of.items():
            # A code span takes anything but its own mark.
            text = text.replace("`", "'")
            lines.append(f"* {OPTIMIZERS[name].shown}, {listed(keys)}: `{text}`")
    return lines


def process_counts(models):
    """How many processes a time comes from."""
    counts = sorted({
        len(entry["runs"]) for found in models.values() for name in OPTIMIZERS
        for entry in found.get(name, {}).values() if "runs" in entry
    })
    one = "1 process" if counts[-1] == 1 else f"{counts[-1]} processes"
    return f"Times are medians of {one}" + (", of fewer where these take long." if len(counts) > 1 else ".")


def stage_table(models):
    heads = ["model", "cut, s", "saturate, s", "extract, s", "all, s", "warm, s", "as one piece, s", "whole compilation, s", "blocks: nodes × times"]
    body = []
    for key, found in models.items():
        if "stages" not in found:
            continue
        parts, rewriting = found["stages"]["seconds"], found["stages"]["rewriting"]
        parts = [parts[name] for name in ("cut", "saturate", "extract")]
        runs = [sum(run) for run in zip(*parts)]
        blocks = ", ".join(f"{block['nodes']} × {block['occurrences']}" for block in rewriting["blocks"])
        whole = cell(found.get("m4c-whole"), "one", time_of)
        compilation = cell(found.get("m4c"), "one", lambda entry: seconds(sum(entry["parts"].values())))
        first = [seconds(times[0]) for times in (*parts, runs)]
        body.append([shown(key), *first, seconds(statistics.median(runs[1:] or runs)), whole, compilation, blocks or "none"])
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
    failing, fixed = refusals(models, names, "error"), refusals(models, names, "symbolic_sizes")
    endless = any("limit" in entry for name in names for entry in on_one(models, name).values())
    used = listed([f"{OPTIMIZERS[name].shown} {text}" for name, text in versions.items() if text])
    text = [
        "# Rewriting beside other graph optimizers", "",
        "How long does it take to optimize the graph of a model with all its layers, but narrow ones? Made by",
        "`models/bench/optimizers.py`, which this reproduces (`--help` tells how to measure one model):", "",
        "```sh", "cargo build --release -p m4c", "cargo build --release -p m4c-tests --features tract --examples",
        "python models/bench/optimizers.py all --install", "```", "",
        f"{results['date']}; {machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{machine['system']}; {used}. {process_counts(models)}", "",
        "## Who is faster", "", *verdicts(models, names), "",
        "## Seconds on one core", "", *optimizer_table(models, "one", time_of, names), "",
        *(["What fails:", "", *failing, ""] if failing else []),
        *(["\\> is the age at which a process that went on was ended.", ""] if endless else []),
        *(["\\* with the sizes of the example inputs, since it refuses the symbolic ones of the file:", "", *fixed, ""] if fixed else []),
        "What the seconds include:", "",
        *(f"* {OPTIMIZERS[name].shown}: {OPTIMIZERS[name].time}." for name in names), "",
        "The optimizers do different things: m4c searches all forms that its rules know and lowers to what a target takes,",
        "onnxsim and onnxslim fold constants and remove nodes, onnxruntime and tract also choose kernels and layouts.", "",
        f"## Seconds on all {machine['cores']} cores", "",
        "Of those that use more than one.", "",
        *optimizer_table(models, "all", time_of, [name for name in names if OPTIMIZERS[name].threads]), "",
        "## Nodes before and after", "",
        "Constants are not counted, but m4c counts those that are nodes of the file. Operators of each are its own: those of m4c are primitives and composites after lowering,",
        "tract's are typed at first.", "",
        *optimizer_table(models, "one", lambda entry: f"{entry['before']} → {entry['after']}", names), "",
        "## What m4c's time is made of", "",
        "The first run of a process, and the median of later ones (warm). As one piece: no block is cut out,",
        "all is saturated at once. The whole compilation is from the file to the artifact.", "",
        *stage_table(models), "",
        f"## Time of a layer with {MORE_LAYERS} layers, by that with {USUAL_LAYERS}", "",
        *scale_table(models, names),
    ]
    Path(page).write_text("\n".join(text) + "\n")
