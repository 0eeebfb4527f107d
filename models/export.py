"""Exports parts of M4, and models to contrast them with, to ONNX: FOLDER/NAME/{ts,dyn}-opN.onnx with inputs, outputs from PyTorch, and block counts.

Examples:
  python models/export.py --list
  python models/export.py img_enc llama_decode --exporter dyn --opset 20 --out /tmp/exports
  python models/export.py --size depth --exporter ts --opset 17 --out /tmp/exports    (all models)
  python models/export.py img_enc llama_decode --size depth --layers 128 --out /tmp/exports
  python models/export.py llama_decode --size full --streamed --dtype f16 --out /tmp/exports
  python models/export.py --fixtures                                 (writes what is in the repository)
"""

import argparse
import logging
import sys
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from exporters import catalog, fixtures, to_onnx, variants  # noqa: E402
from exporters.spec import SIZES  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="models; all of them if none is given")
    parser.add_argument("--list", action="store_true", help="print the names of all models")
    parser.add_argument("--size", choices=SIZES, default="tiny", help="depth: all layers, narrow; full: real widths")
    parser.add_argument("--layers", type=int, help="another number of layers, for img_enc and the prompt and token of LLaMA")
    parser.add_argument("--exporter", choices=to_onnx.EXPORTERS, default="dyn", help="ts: TorchScript; dyn: dynamo")
    parser.add_argument("--opset", type=int, default=20, choices=range(14, 24), metavar="14..23")
    parser.add_argument("--dtype", choices=("f32", "f16"), default="f32")
    parser.add_argument(
        "--streamed", action="store_true", help="draw weights into the data file: any size in little memory, no outputs",
    )
    parser.add_argument("--variant", action="append", default=[], choices=variants.MAKERS, help="also this form")
    parser.add_argument("--out", type=Path, help="folder to write to")
    parser.add_argument("--export-only", action="store_true", help="write no outputs, and do not run the model to check")
    parser.add_argument("--fixtures", action="store_true", help="write the fixtures of these models into this folder")
    return parser.parse_args()


def main():
    given = arguments()
    if given.list:
        print("\n".join(catalog.BUILDERS))
        return
    unknown = [name for name in given.names if name not in catalog.BUILDERS]
    if unknown:
        sys.exit(f"export: no model is named {', '.join(unknown)}; --list prints all names")
    if given.streamed and (given.exporter != "dyn" or given.variant):
        sys.exit("export: --streamed goes with the dynamo exporter and without variants")
    if given.layers is not None and (given.fixtures or given.layers < 1):
        sys.exit("export: --layers is at least 1, and fixtures have the number of layers that they have")
    if not given.fixtures and not given.out:
        sys.exit("export: give --out FOLDER, or --fixtures")
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    names = given.names or list(catalog.BUILDERS)
    failed = []
    for name in names:
        try:
            if given.fixtures:
                fixtures.write(name, given.out or Path(__file__).parent)
            elif given.streamed:
                fixtures.write_streamed(name, given)
            else:
                fixtures.write_export(name, given)
        except Exception as error:
            failed.append(name)
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    if given.fixtures and not given.names:
        fixtures.write_adapters(given.out or Path(__file__).parent)
        fixtures.write_deep(given.out or Path(__file__).parent)
    if failed:
        sys.exit(f"export: failed: {', '.join(failed)}")


main()
