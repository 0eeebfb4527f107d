"""Runs ONNX models with onnxruntime on the CPU, as an engine to compare with.

Usage: onnxruntime_run.py [--no-optimize] MODEL.onnx INPUTS.npz OUTPUTS.npz
       onnxruntime_run.py [--no-optimize] --jobs JOBS.json

JOBS.json is a list of {"model": ..., "inputs": ..., "outputs": ...}. One line of JSON is printed per
job: {"model": ..., "ok": true}, or {"model": ..., "ok": false, "error": ...}. A failed job does not
stop the others; the exit status is 1 if any failed.
"""

import argparse
import functools
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

THREADS = 2
ONLY_FATAL = 4


def session_options(optimize):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    # Errors reach the caller in the job's line; warnings would only clutter the test output.
    options.log_severity_level = ONLY_FATAL
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    return options


@functools.lru_cache(maxsize=1)
def session_of(model, optimize):
    """Jobs of the same model come together."""
    return onnxruntime.InferenceSession(model, session_options(optimize), providers=["CPUExecutionProvider"])


def run(job, optimize):
    session = session_of(job["model"], optimize)
    with np.load(job["inputs"]) as arrays:
        inputs = {i.name: narrowed(arrays[i.name], i.type) for i in session.get_inputs() if i.name in arrays}
    names = [output.name for output in session.get_outputs()]
    results = map(widened, session.run(names, inputs))
    np.savez(job["outputs"], **dict(zip(names, results)))


def narrowed(array, kind):
    """Half precision comes as single: the other side's archives lack it."""
    return array.astype(np.float16) if kind == "tensor(float16)" else array


def widened(array):
    return array.astype(np.float32) if array.dtype == np.float16 else array


def report(job, optimize):
    result = {"model": job["model"], "ok": True}
    try:
        run(job, optimize)
    except Exception as error:
        result |= {"ok": False, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
    return result["ok"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-optimize", action="store_true", help="run the graph as it is in the file")
    parser.add_argument("--jobs", type=Path, help="a JSON file with a list of jobs")
    parser.add_argument("files", nargs="*", metavar="FILE", help="MODEL.onnx INPUTS.npz OUTPUTS.npz")
    arguments = parser.parse_args()
    if (arguments.jobs is None) != (len(arguments.files) == 3):
        parser.error("give either MODEL.onnx INPUTS.npz OUTPUTS.npz or --jobs JOBS.json")
    if arguments.jobs:
        jobs = json.loads(arguments.jobs.read_text())
    else:
        jobs = [dict(zip(("model", "inputs", "outputs"), arguments.files))]
    results = [report(job, not arguments.no_optimize) for job in jobs]
    sys.exit(0 if all(results) else 1)


main()
