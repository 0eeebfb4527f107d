"""Compares how long m4c and other graph optimizers take, and writes docs/benchmarks-rewriting.md.

Models have all their layers but narrow ones, so that graphs and not weights are measured; they are exported where --models lacks
them. Every optimizer gets the same files and runs in processes of its own on one core, and again on all if it uses them. What ends
with an error or goes on after --limit is reported as that. Results are merged into a JSON file, so that models can be measured
one by one.

Examples:
  python models/bench/optimizers.py all --install                       (everything, in an environment of its own)
  python models/bench/optimizers.py measure img_enc --exporters ts --optimizers m4c,onnxsim
  python models/bench/optimizers.py report
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = Path(__file__).with_name("optimizers.txt")
BUILT = ROOT / "target" / "release"
ENVIRONMENT = ROOT / "target" / "optimizers-env"
COMMANDS = ("measure", "report", "all")
OPSETS = {"ts": 17, "dyn": 20}
# Layers that a name ends with, and those that the architecture has.
NAMES = ("img_enc", "llama_prefill", "llama_decode", "sd_unet", "img_enc-128", "llama_prefill-128", "llama_decode-128")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all if none is given")
    parser.add_argument("--exporters", default=",".join(OPSETS), help="which exporters, separated by commas")
    parser.add_argument("--optimizers", default=",".join(OPTIMIZERS), help="which optimizers, separated by commas")
    parser.add_argument("--models", type=Path, default=ROOT / "target" / "depth", help="folder of exports")
    parser.add_argument("--m4c", type=Path, default=BUILT / "m4c", help="the binary to measure")
    parser.add_argument("--examples", type=Path, default=BUILT / "examples", help="folder of the built examples of m4c-tests")
    parser.add_argument("--export-python", default=sys.executable, help="a Python with models/requirements.txt")
    parser.add_argument("--runs", type=int, default=5, help="processes of an optimizer on a model")
    parser.add_argument("--seconds", type=float, default=10.0, help="start no further one after so many seconds")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds after which a process is ended")
    parser.add_argument("--results", type=Path, help="the JSON file; by default results.json in --models")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks-rewriting.md", help="the page to write")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--install", action="store_true", help=f"measure in {ENVIRONMENT.name}, with {REQUIREMENTS.name} installed")
    given = parser.parse_args()
    given.names = given.names or list(NAMES)
    given.exporters, given.optimizers = given.exporters.split(","), given.optimizers.split(",")
    for wanted, known in ((given.names, NAMES), (given.exporters, OPSETS), (given.optimizers, OPTIMIZERS)):
        if wrong := [name for name in wanted if name not in known]:
            parser.error(f"there is no {', '.join(wrong)}; there are {', '.join(known)}")
    given.results = given.results or given.models / "results.json"
    return given


def model(name, exporter, given):
    """The path of a model, exported first where the folder lacks it."""
    name, _, layers = name.partition("-")
    folder = given.models / (layers or "usual")
    path = folder / name / f"{exporter}-op{OPSETS[exporter]}.onnx"
    if not path.exists():
        print(f"{name}: exporting to {path}", file=sys.stderr, flush=True)
        options = ["--size", "depth", "--export-only", "--exporter", exporter, "--opset", str(OPSETS[exporter]), "--out", folder]
        options += ["--layers", layers] if layers else []
        subprocess.run([given.export_python, ROOT / "models" / "export.py", name, *options], check=True)
    return path


def measure(key, path, given, found, binaries):
    """Every optimizer by itself, and what m4c's time is made of."""
    every = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    one = every.split(",")[0]
    for where, cores in (("one", one), ("all", every)):
        for name in given.optimizers:
            if where == "all" and not OPTIMIZERS[name].threads:
                continue
            entry = found.setdefault(name, {})[where] = measured(name, path, given, binaries, cores)
            text = entry.get("error") or f"{entry['seconds']:.3f} s, {entry['before']} to {entry['after']} nodes"
            print(f"{key}: {name} on {where}: {text}", file=sys.stderr, flush=True)
    if "m4c-whole" in given.optimizers:
        try:
            found["stages"] = optimizing.stages(binaries["m4c-whole"], path, given.runs, one, given.limit)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"{key}: what m4c's time is made of: {optimizing.reason(error, path)}", file=sys.stderr, flush=True)


def measured(name, path, given, binaries, cores):
    """The middle one of some runs, or why there is none."""
    runs, begin = [], time.perf_counter()
    try:
        while len(runs) < given.runs and (not runs or time.perf_counter() - begin < given.seconds):
            runs.append(optimizing.measure(name, path, binaries, cores, given.limit))
    except subprocess.TimeoutExpired:
        return {"error": f"goes on after {given.limit:g} seconds", "limit": given.limit}
    except RuntimeError as error:
        return {"error": optimizing.reason(error, path)}
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    return {**middle, "runs": sorted(run["seconds"] for run in runs)}


def main():
    given = arguments()
    given.models.mkdir(parents=True, exist_ok=True)
    results = json.loads(given.results.read_text()) if given.results.exists() else {}
    models = results.setdefault("models", {})
    if given.command != "report":
        example = lambda name: given.examples / name
        binaries = {"m4c": given.m4c, "m4c-whole": example("rewriting"), "tract": example("tract_optimizing")}
        versions = {name: optimizing.version(name, binaries) for name in given.optimizers}
        for name in [name for name, found in versions.items() if found is None]:
            print(f"{name} is not there, and not measured; --help tells how to get it", file=sys.stderr)
            given.optimizers.remove(name)
        for name in given.names:
            for exporter in given.exporters:
                key = f"{name} {exporter}"
                path = model(name, exporter, given)
                measure(key, path, given, models.setdefault(key, {}), binaries)
                results |= {"machine": peers.machine(), "date": datetime.date.today().isoformat()}
                results.setdefault("versions", {}).update({name: found for name, found in versions.items() if found})
                given.results.write_text(json.dumps(results, indent=1) + "\n")
    if given.command in ("report", "all"):
        optimizers_report.write(results, given.page)
    if given.json:
        print(json.dumps(results, indent=1))


def install():
    """Starts again in an environment of its own, where a package of the exporters changes nothing."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
    given = [word for word in sys.argv[1:] if word != "--install"]
    # The last one of an option counts.
    os.execv(python, [python, sys.argv[0], "--export-python", sys.executable, *given])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if "--install" in sys.argv:
        install()
    try:
        import optimizers_report
        import optimizing
        import peers
        from optimizing import OPTIMIZERS
    except ModuleNotFoundError as error:
        sys.exit(f"optimizers: {error}; --install installs what it needs")

    main()
