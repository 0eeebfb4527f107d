"""Compares m4c with onnxruntime and OpenVINO on full-size models, and writes docs/benchmarks.md.

Every model is prepared first: exported where --models lacks it, compiled by m4c, and run once by each engine; engines whose
outputs disagree are not timed. Then the engines take turns, round by round, each in a process of its own, with the same
inputs, number of threads and precision (f32). Results are merged into a JSON file, so that models can be measured one by one.

Examples:
  python models/bench/peers.py all --install                  (everything, with packages installed first)
  python models/bench/peers.py prepare imu_enc                (no timing)
  python models/bench/peers.py measure imu_enc --rounds 5     (adds rounds to the results)
  python models/bench/peers.py measure mine --onnx my.onnx --inputs in.npz
  python models/bench/peers.py all --before HEAD~20           (how much faster m4c has become)
  python models/bench/peers.py report
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
COMMANDS = ("prepare", "measure", "report", "all")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models; all of them if none is given")
    parser.add_argument("--onnx", type=Path, help="measure this file under NAME; needs --inputs")
    parser.add_argument("--inputs", type=Path, help="its inputs by name, a NumPy archive")
    parser.add_argument("--models", type=Path, default=ROOT / "target" / "bench", help="folder of exports and artifacts")
    parser.add_argument("--m4c", type=Path, default=ROOT / "target" / "release" / "m4c", help="the binary to measure")
    parser.add_argument("--before", metavar="REVISION", help="let m4c as it was then take turns, too; it is built first")
    parser.add_argument("--export-python", default=sys.executable, help="a Python with models/requirements.txt")
    parser.add_argument("--engines", default=",".join(engines.NAMES), help="which engines, separated by commas")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of every engine")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each engine")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a turn measures, at least three runs")
    parser.add_argument("--runs", type=int, default=0, help="measure so many runs a turn instead, after one to warm up")
    parser.add_argument("--fresh", action="store_true", help="forget earlier outputs and rounds of these models")
    parser.add_argument("--results", type=Path, help="the JSON file; by default results.json in --models")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md", help="the page to write")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--install", action="store_true", help="install requirements.txt into this Python first")
    given = parser.parse_args()
    if (given.onnx is None) != (given.inputs is None) or (given.onnx and len(given.names) != 1):
        parser.error("--onnx and --inputs go together, with one NAME for them")
    unknown = [name for name in given.names if name not in cases.CASES] if not given.onnx else []
    if unknown:
        parser.error(f"no model is named {', '.join(unknown)}; there are {', '.join(cases.CASES)}")
    wrong = [name for name in given.engines.split(",") if name not in engines.NAMES]
    if wrong:
        parser.error(f"no engine is named {', '.join(wrong)}; there are {', '.join(engines.NAMES)}")
    if not given.onnx and not given.names:
        given.names = list(cases.CASES)
    if given.before and not (revision := git("rev-parse", "--short", "--verify", f"{given.before}^{{commit}}")):
        parser.error(f"the repository has no revision {given.before}")
    given.before = given.before and revision
    given.results = given.results or given.models / "results.json"
    return given


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git(*words):
    return subprocess.run(["git", "-C", ROOT, *map(str, words)], capture_output=True, text=True).stdout.strip()


def built(revision, folder):
    """The binary of m4c at a revision, built if it is not there yet."""
    binary = folder / f"m4c-{revision}"
    if not binary.exists():
        tree = folder / revision
        git("worktree", "add", "--detach", tree, revision)
        try:
            subprocess.run(["cargo", "build", "--release", "-p", "m4c", "--target-dir", tree / "target"], cwd=tree, check=True)
            shutil.copy2(tree / "target" / "release" / "m4c", binary)
        finally:
            git("worktree", "remove", "--force", tree)
    return binary


def builds(given):
    """The binaries of m4c that take turns."""
    return {"m4c": given.m4c} | ({engines.BEFORE: built(given.before, given.models.resolve())} if given.before else {})


def compiled(name, build, binary, model, found, folder):
    """Compiles with one build, unless it did so before; the artifact."""
    artifact = folder / ("model.m4fw" if build == "m4c" else f"{build}.m4fw")
    made = found.setdefault("compiled", {})
    source = {"compiler": digest(binary), "model": str(model)}
    if {key: made.get(build, {}).get(key) for key in source} != source or not artifact.exists():
        start = time.perf_counter()
        engines.output_of([binary, "compile", model, "-o", artifact])
        made[build] = source | {"seconds": time.perf_counter() - start}
        found.get("engines", {}).pop(build, None)
        (folder / f"{build}.npz").unlink(missing_ok=True)
    made[build]["bytes"] = artifact.stat().st_size
    return artifact


def prepare(name, given, found, versions):
    """Exports and compiles, runs every engine once, and compares what they give; for each its binary, if it is one, and what it
    loads."""
    model = given.onnx or cases.model(name, given.models, given.export_python)
    inputs = given.inputs or cases.inputs(name, given.models)
    folder = given.models / name
    folder.mkdir(parents=True, exist_ok=True)
    loaded = {engine: (None, model) for engine in versions}
    for build, binary in builds(given).items():
        loaded[build] = (binary, compiled(name, build, binary, model, found, folder))
    agreement = found["agreement"] = {}
    for engine, (binary, file) in loaded.items():
        outputs = folder / f"{engine}.npz"
        try:
            # What others give for a model does not change with m4c.
            if given.fresh or not outputs.exists():
                engines.results(engine, binary, file, inputs, given.threads, outputs)
            agreement[engine] = {"off": difference(outputs, folder / "m4c.npz")}
        except RuntimeError as error:
            agreement[engine] = {"error": str(error)}
        show(name, engine, agreement[engine])
    return inputs, loaded


def difference(path, reference):
    """The largest difference of any output, relative to its magnitude."""
    import numpy as np

    worst = 0.0
    with np.load(path) as ours, np.load(reference) as theirs:
        if sorted(ours.files) != sorted(theirs.files):
            raise RuntimeError(f"the outputs are {sorted(ours.files)}, not {sorted(theirs.files)}")
        for key in ours.files:
            a, b = ours[key].astype(np.float64), theirs[key].astype(np.float64)
            if a.shape != b.shape:
                raise RuntimeError(f"output {key} is {a.shape}, not {b.shape}")
            off = np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-30)
            worst = max(worst, float(off) if np.isfinite(off) else float("inf"))
    return worst


def agrees(entry):
    return entry.get("off", float("inf")) <= report.TOLERANCE


def show(name, engine, entry):
    what = entry["error"] if "error" in entry else f"off by {entry['off']:.1e}"
    print(f"{name}: {engine}: {what}", file=sys.stderr, flush=True)


def measure(name, given, found, versions):
    """Lets the engines take turns."""
    inputs, loaded = prepare(name, given, found, versions)
    timed = found.setdefault("engines", {})
    if given.fresh:
        timed.clear()
    found["threads"] = given.threads
    for turn in range(given.rounds):
        # Who comes first changes, since the machine may be slower after another engine's work.
        for engine, (binary, file) in list(loaded.items())[:: 1 if turn % 2 == 0 else -1]:
            if not agrees(found["agreement"][engine]):
                continue
            got = engines.measure(engine, binary, file, inputs, given.threads, given.seconds, given.runs)
            rounds = timed.setdefault(engine, {"version": versions[engine], "rounds": []})["rounds"]
            rounds.append(got)
            middle = sorted(got["times"])[len(got["times"]) // 2]
            print(f"{name}: turn {turn + 1}: {engine} {1e3 * middle:.3f} ms", file=sys.stderr, flush=True)


def revision(m4c):
    """Of the repository that m4c was built from, where that is sure: it is newer than the last commit, and nothing changed."""
    committed = git("log", "-1", "--format=%ct %h")
    if not committed or git("status", "--porcelain", "--untracked-files=no"):
        return ""
    seconds, revision = committed.split()
    return f" ({revision})" if m4c.stat().st_mtime > int(seconds) else ""


def machine():
    """The processor, for the page."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", fields.get("Features", "")).split()
    known = ("sse4_2", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve")
    return {
        "processor": fields.get("model name", platform.processor() or platform.machine()),
        "family": {key: fields.get(key) for key in ("cpu family", "model") if key in fields},
        "cores": os.cpu_count(),
        "instruction_sets": [flag for flag in known if flag in flags],
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
    }


def main():
    given = arguments()
    given.models.mkdir(parents=True, exist_ok=True)
    results = json.loads(given.results.read_text()) if given.results.exists() else {}
    models = results.setdefault("models", {})
    failed = []
    if given.command != "report":
        versions = {name: engines.version(name, binary) for name, binary in builds(given).items()}
        versions["m4c"] += revision(given.m4c)
        if given.before:
            versions[engines.BEFORE] = given.before
        versions |= {name: engines.version(name) for name in given.engines.split(",") if name != "m4c"}
        for engine in [name for name, found in versions.items() if found is None]:
            print(f"{engine} is not installed, and not measured; --install installs it", file=sys.stderr)
            del versions[engine]
        for name in given.names:
            found = models.setdefault(name, {"what": cases.CASES[name].what if name in cases.CASES else str(given.onnx)})
            try:
                (prepare if given.command == "prepare" else measure)(name, given, found, versions)
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                failed.append(name)
                print(f"{name}: {error}", file=sys.stderr, flush=True)
            results |= {"machine": machine(), "date": datetime.date.today().isoformat()}
            results.setdefault("versions", {}).update(versions)
            given.results.write_text(json.dumps(results, indent=1) + "\n")
    if given.command in ("report", "all"):
        report.write(results, given.page)
    if given.json:
        print(json.dumps(report.summary(results), indent=1))
    if failed:
        sys.exit(f"peers: failed: {', '.join(failed)}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if "--install" in sys.argv:
        subprocess.run([sys.executable, "-m", "pip", "install", "-r", REQUIREMENTS], check=True)
    try:
        import cases
        import engines
        import report
    except ModuleNotFoundError as error:
        sys.exit(f"peers: {error}; --install installs what it needs")

    main()
