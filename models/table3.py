"""Compiles a model for every task of Table 3 of the paper and writes docs/guide/table-3.md: what lowers, and what does not.

Usage: python models/table3.py M4C EXPORTS      (M4C: the m4c binary; EXPORTS: a folder whose exports are used again)
"""

import logging
import re
import subprocess
import sys
import warnings
from pathlib import Path

import onnx
import torch

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))
from exporters import table3, to_onnx  # noqa: E402

# Tasks, the paper's model, and the fixture or the builder that stands for it.
TASKS = [
    ("T1", "RNN", "contrast/rnn_lm"),
    ("T2", "RoBERTa", "contrast/roberta_qa"),
    ("T3", "AraELECTRA", "contrast/electra"),
    ("T4", "Transformer", "contrast/marian"),
    ("T5, T6, T7", "RoBERTa", "contrast/roberta_qa"),
    ("T8", "BERT", "contrast/bert"),
    ("T9", "DistilBERT", "contrast/distilbert"),
    ("T10", "FLAN-T5", "contrast/codet5"),
    ("T11", "BART", "contrast/bart"),
    ("T12", "CodeT5", "contrast/codet5"),
    ("T13", "CodeBERT", "contrast/roberta_qa"),
    ("T14", "Libra R-CNN", table3.faster_rcnn),
    ("T15", "X-Paste", table3.mask_rcnn),
    ("T16", "ResNet-50 with ArcFace", table3.resnet50_arcface),
    ("T17", "Real-ESRGAN", "contrast/realesrgan"),
    ("T18", "StyleFlow", table3.style_flow),
    ("T19, T20", "DeepLabv3+", table3.deeplabv3),
    ("T21", "CLIP", "contrast/clip"),
    ("T22", "GFNet", table3.gfnet),
    ("T23", "ResNet-152", table3.resnet152),
    ("T24", "MicronNet", "contrast/micronnet"),
    ("T25", "MSINet", "contrast/msinet"),
    ("T26", "MiVOLO-D1", table3.volo_d1),
    ("T27", "CLIP", "contrast/clip"),
    ("T28", "ViTPose", table3.vitpose),
    ("T29", "SlowFast", "contrast/slowfast"),
    ("T30", "SASNet", table3.sasnet),
    ("T31", "MDETR", "contrast/detr"),
    ("T32", "CTC and attention", "contrast/wav2vec2_ctc"),
    ("T33", "Transformer", "contrast/speech2text"),
    ("T34", "CRDNN", "contrast/crdnn"),
    ("T35", "ECAPA-TDNN", "contrast/ecapa"),
    ("T36", "ACDNet", table3.acdnet),
    ("T37", "cnn-trad-fpool3", "contrast/kws_cnn"),
    ("T38", "MLP", "contrast/har_mlp"),
    ("T39, T40", "LIMU-BERT", "contrast/limu_bert"),
    ("T41", "Transformer TTS", "contrast/tts_transformer"),
    ("T42, T43", "Transformer", table3.audio_caption),
    ("T44, T45", "LSTM", table3.lstm_caption),
    ("T46, T47", "CCLM", table3.blip),
    ("T48", "Wav2CLIP", table3.wav2clip_vqgan),
    ("T49, T50", "MUTAN", table3.mutan),
]
# Why a model is refused by nature, or what it waits for.
REASONS = {
    "NonZero": "sizes depend on data", "NonMaxSuppression": "sizes depend on data", "If": "branches", "Loop": "loops",
    "RandomNormalLike": "random",
}
HEAD = """# Table 3

The models that M4 replaces ("Mobile Foundation Model as Firmware", Table 3), each compiled for the CPU. A fixture is a file
in `models/`; what has a function's name is built by it in `models/exporters/table3.py`, with random weights, and exported by
{torch}. Written by `python models/table3.py M4C EXPORTS`; after a refusal stand the compiler's words, and what
else of the file's operators tells why.

{lowers} of {all} models lower.

| task | model | stands for it | outcome |
|---|---|---|---|
"""


def exported(builder, folder):
    """The path of an export by the first exporter that can, and that exporter's name; or why none can."""
    folder = folder / builder.__name__
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.onnx"):
        return path, path.stem
    torch.manual_seed(44)
    spec = builder()
    reasons = []
    for exporter, opset in (("ts", 17), ("dyn", 20)):
        path = folder / f"{exporter}-op{opset}.onnx"
        try:
            to_onnx.export(spec, path, exporter, opset)
            return path, path.stem
        except Exception as error:
            path.unlink(missing_ok=True)
            reasons.append(f"{exporter}: {type(error).__name__}")
    return None, "no exporter writes it: " + ", ".join(reasons)


def operators(graph):
    """Types of all nodes, those in branches and loops included."""
    inner = [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return {node.op_type for node in graph.node}.union(*map(operators, inner))


def outcome(m4c, path, exports):
    command = [m4c, "compile", path, "-o", exports / "model.m4fw"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode == 0:
        return "lowers"
    error = re.search(r"error\[(\w+)\]: (.*)\n(?:(?:.*\n)*?\s*note: (.*))?", done.stderr)
    model = onnx.load(path, load_external_data=False)
    present = operators(model.graph)
    why = [f"{operator}: {reason}" for operator, reason in REASONS.items() if operator in present]
    return f"refused: {error[1]} {error[3] or error[2]}" + (f" ({'; '.join(why)})" if why else "")


def row(m4c, exports, tasks, model, source):
    if isinstance(source, str):
        name, path = f"`{source}`", ROOT / source / "ts-op17.onnx"
    else:
        path, how = exported(source, exports)
        name = f"`{source.__name__}`" + (f", {how}" if path else "")
    result = outcome(m4c, path, exports) if path else how
    print(tasks, model, name, result, flush=True)
    return f"| {tasks} | {model} | {name} | {result} |\n", result == "lowers"


def main():
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    m4c, exports = sys.argv[1], Path(sys.argv[2])
    exports.mkdir(parents=True, exist_ok=True)
    rows = [row(m4c, exports, *task) for task in TASKS]
    versions = f"PyTorch {torch.__version__.partition('+')[0]}"
    lowers = sum(good for _, good in rows)
    text = HEAD.format(torch=versions, lowers=lowers, all=len(rows)) + "".join(line for line, _ in rows)
    (ROOT.parent / "docs/guide/table-3.md").write_text(text)


if __name__ == "__main__":
    main()
