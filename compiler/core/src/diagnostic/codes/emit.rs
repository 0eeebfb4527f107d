//! 07xx: writing artifacts, dumps and reports.

use crate::diagnostic::code::codes;

codes! {
    OUTPUT_NOT_WRITABLE = 701 {
        title: "an output file cannot be written",
        explanation: "m4c writes to a temporary file in the folder of the output and renames it when it is \
                      complete, so it needs the right to create files in that folder. What was at the path \
                      before is unchanged.",
        example: "m4c compile model.onnx -o read-only-folder/model.m4fw",
        remedy: "Choose a folder that exists and that you may write to.",
    }
    DISK_FULL = 702 {
        title: "there is no room for an output file",
        explanation: "The disk is full, or a quota or a limit on file sizes is reached. The incomplete file \
                      was removed; what was at the path before is unchanged.",
        example: "a 13 GB artifact on a disk with 4 GB left",
        remedy: "Make room, or write to another disk. While writing, the old and the new file need room.",
    }
}
