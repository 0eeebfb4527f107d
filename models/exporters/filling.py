"""Random weights for a graph whose data file is missing, drawn into that file piece by piece. Needs only numpy and onnx."""

import math
import zlib

import numpy as np
import onnx
from onnx import helper

# Elements that are drawn at a time.
PIECE = 1 << 22
ALIGNMENT = 4096


def fill(path, seed=1234):
    """Writes the data file beside a graph; bytes written. The same graph and seed give the same bytes."""
    model = onnx.load(path, load_external_data=False)
    places = [(tensor, place(tensor)) for tensor in model.graph.initializer if external(tensor)]
    files = {entry["location"] for _, entry in places}
    assert len(files) == 1, f"{path} has its weights in {len(files)} files, not in one"
    written = 0
    with open(path.parent / files.pop(), "wb") as file:
        for tensor, entry in places:
            file.seek(int(entry["offset"]))
            for piece in drawn(tensor, seed):
                file.write(piece)
                written += len(piece)
    return written


def external(tensor):
    return tensor.data_location == onnx.TensorProto.EXTERNAL


def place(tensor):
    return {entry.key: entry.value for entry in tensor.external_data}


def put_aside(model, location):
    """Gives every initializer without data its place in a data file: the graph that `fill` wants."""
    offset = 0
    for tensor in model.graph.initializer:
        if not external(tensor):
            continue
        length = math.prod(tensor.dims) * np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
        del tensor.external_data[:]
        for key, value in (("location", location), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        offset = (offset + length + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    return model


def drawn(tensor, seed):
    """The bytes of a tensor, so many at a time: numbers that keep activations about as large as they are."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    generator = np.random.default_rng([seed, zlib.crc32(tensor.name.encode())])
    count = math.prod(tensor.dims)
    # Matrices lie [in, out], kernels of convolutions [out, in, …].
    inward = tensor.dims[0] if len(tensor.dims) == 2 else count // max(tensor.dims[0], 1)
    for start in range(0, count, PIECE):
        length = min(PIECE, count - start)
        if len(tensor.dims) > 1:
            power = round(-math.log2(1.53 * math.sqrt(inward)))
            yield signed(generator, length, dtype, power).tobytes()
        else:
            center = 1 if tensor.name.endswith("weight") else 0
            yield (center + 0.1 * generator.standard_normal(length, np.float32)).astype(dtype).tobytes()


def signed(generator, length, dtype, power):
    """Numbers of either sign with magnitudes from 2**power to twice that: a deviation of 1.53 * 2**power.

    Straight from random bits, since billions are drawn.
    """
    bits = np.dtype(f"u{dtype.itemsize}")
    info = np.finfo(dtype)
    exponent = bits.type((power + info.maxexp - 1) << info.nmant)
    sign_and_fraction = bits.type(1 << (8 * dtype.itemsize - 1) | (1 << info.nmant) - 1)
    drawn = np.frombuffer(generator.bytes(length * dtype.itemsize), bits)
    return (drawn & sign_and_fraction | exponent).view(dtype)
