"""The engines: each loads a model and runs it in a process of its own, which this module also is.

Usage: engines.py ENGINE MODEL INPUTS THREADS SECONDS RUNS [OUTPUTS.npz]

Runs once and for half a second more to warm up, then for SECONDS and at least three times; or once, then RUNS times where
that is not 0. Prints one line of JSON: seconds to load, of the first run, and of each measured run, and the peak of resident memory.
"""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

# As `m4c bench` has them.
WARMING_SECONDS = 0.5
LEAST_RUNS = 3


def onnxruntime_session(model, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    taken = {value.name for value in session.get_inputs()}
    return lambda inputs: dict(zip(names, session.run(names, {k: v for k, v in inputs.items() if k in taken})))


def openvino_session(model, threads):
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
    })
    request = compiled.create_infer_request()
    names = [output.get_any_name() for output in compiled.outputs]
    taken = {name for value in compiled.inputs for name in value.names}

    def run(inputs):
        request.infer({k: v for k, v in inputs.items() if k in taken}, share_inputs=True, share_outputs=True)
        return {name: request.get_output_tensor(i).data for i, name in enumerate(names)}

    return run


SESSIONS = {"onnxruntime": onnxruntime_session, "openvino": openvino_session}
NAMES = ("m4c", *SESSIONS)
# Another build of m4c.
BEFORE = "before"


def version(name, m4c=None):
    """The version of an engine, which is a binary of m4c if one is given, or None where it is not there."""
    if m4c:
        return output_of([m4c, "--version"]).split()[1]
    import importlib.metadata

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def measure(name, m4c, model, inputs, threads, seconds, runs):
    """Starts a process that loads and runs; gives what it measured."""
    if not m4c:
        return json.loads(output_of([sys.executable, __file__, name, model, inputs, threads, seconds, runs]))
    options = ["--inputs", inputs, "--threads", threads]
    options += ["--runs", runs, "--warmup", 1] if runs else ["--seconds", seconds]
    found = json.loads(output_of([m4c, "bench", model, "--json", *options]))["measured"]
    return {
        "load": found["open"] + found["prepare"], "first": found["first_run"], "times": found["times"],
        "peak": found["peak_resident_bytes"],
    }


def results(name, m4c, model, inputs, threads, outputs):
    """Runs and writes the outputs to a file."""
    if m4c:
        output_of([m4c, "run", model, "--inputs", inputs, "--threads", threads, "--outputs", outputs])
    else:
        output_of([sys.executable, __file__, name, model, inputs, threads, 0, 1, outputs])


def output_of(command, limit=None):
    """What a command prints; `subprocess.TimeoutExpired` where it has not ended after so many seconds."""
    command = [str(word) for word in command]
    pipe = subprocess.PIPE
    # In a group of its own, which ends as a whole: what the command starts would hold the pipes open.
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            printed, errors = process.communicate(timeout=limit)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{errors.strip()[-2000:]}")
    return printed


def timed(work):
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def repeated(run, seconds, least, most):
    """Times of so many runs, and what the last one gave."""
    times, begin = [], time.perf_counter()
    while len(times) < least or (len(times) < most and time.perf_counter() - begin < seconds):
        elapsed, got = timed(run)
        times.append(elapsed)
    return times, got


def main():
    import numpy as np

    name, model, inputs, threads, seconds, runs = sys.argv[1:7]
    with np.load(inputs) as arrays:
        given = {key: arrays[key] for key in arrays.files}
    load, session = timed(lambda: SESSIONS[name](Path(model), int(threads)))
    run, runs = partial(session, given), int(runs)
    warming, _ = repeated(run, WARMING_SECONDS, 1, 1 if runs else math.inf)
    times, got = repeated(run, float(seconds), runs or LEAST_RUNS, runs or math.inf)
    if len(sys.argv) > 7:
        np.savez(sys.argv[7], **got)
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"load": load, "first": warming[0], "times": times, "peak": peak}))


if __name__ == "__main__":
    main()
