"""Traced modules, for engines that read TorchScript."""

import re

import torch

# Debug records name the folders of this machine; the rest of the list is written by the writer itself.
LEFT_OUT = re.compile(r"\.debug_pkl$|^version$|^\.data/|^\.format_version$|^\.storage_alignment$")


def export(spec, path):
    whole = path.with_suffix(".whole")
    with torch.no_grad():
        torch.jit.trace(spec.module, tuple(spec.inputs.values())).save(whole)
    reader = torch._C.PyTorchFileReader(str(whole))
    writer = torch._C.PyTorchFileWriter(str(path))
    for name in reader.get_all_records():
        if not LEFT_OUT.search(name):
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    whole.unlink()
