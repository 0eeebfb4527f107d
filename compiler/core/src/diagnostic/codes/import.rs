//! 01xx: reading models and other input files, and turning ONNX into a graph.

use crate::diagnostic::code::codes;

codes! {
    FILE_MISSING = 101 {
        title: "an input file does not exist",
        explanation: "The path was given on the command line or in m4.toml, and there is nothing at it. \
                      A path in m4.toml is relative to the folder of that file.",
        example: "m4c compile moddel.onnx",
        remedy: "Check the spelling of the path, and the folder that the command runs in.",
    }
    FILE_UNREADABLE = 102 {
        title: "an input file cannot be read",
        explanation: "There is something at the path, but it is a folder or a device, or the system refuses \
                      to open it. m4c maps its inputs into memory, which works for regular files only.",
        example: "m4c compile models/",
        remedy: "Give the path of the .onnx file itself, and make sure that you may read it.",
    }
    LFS_POINTER = 103 {
        title: "the file is a Git LFS pointer, not the data",
        explanation: "The repository stores this file in Git LFS, and only the small text that stands for it \
                      was checked out. The weights themselves are not on this machine.",
        example: "$ head -1 model.onnx\nversion https://git-lfs.github.com/spec/v1",
        remedy: "Run `git lfs pull` in that repository, or download the file itself.",
    }
    NOT_ONNX = 104 {
        title: "the file is not an ONNX model",
        explanation: "An ONNX model is a protobuf message with an IR version and a graph. The file is empty, \
                      or in another format, or it is another kind of ONNX message such as a single tensor.",
        example: "m4c compile weights.safetensors",
        remedy: "Export the model to ONNX first; models/README.md shows how.",
    }
    FILE_TRUNCATED = 105 {
        title: "the model file ends early",
        explanation: "The file begins as an ONNX model, but a part of it announces more bytes than follow. \
                      That is what an interrupted download or copy leaves behind.",
        example: "head -c 1000000 model.onnx > half.onnx\nm4c compile half.onnx",
        remedy: "Fetch or export the file again, and compare its size or digest with the original.",
    }
    FILE_MALFORMED = 106 {
        title: "the model file is damaged",
        explanation: "The file has the outer form of an ONNX model, but something inside cannot be decoded: \
                      a text that is not UTF-8, a field of the wrong type, an impossible length.",
        example: "a model file with some bytes overwritten",
        remedy: "Fetch or export the file again. If other tools read it, report it with the file.",
    }
    NESTED_TOO_DEEP = 107 {
        title: "the model nests too deeply",
        explanation: "Graphs inside graphs (the bodies of If, Loop and Scan) are nested beyond what the \
                      decoder follows, which is about 30 levels. The limit keeps a damaged or hostile file \
                      from exhausting the stack.",
        example: "an If in an If in an If, 40 times",
        remedy: "Export the model without nested control flow, for instance by tracing it.",
    }
    UNSUPPORTED_IR_VERSION = 108 {
        title: "the model's IR version is missing or not supported",
        explanation: "The IR version says which edition of the file format was used. Older ones lack what \
                      m4c relies on; of newer ones it does not know which fields it would ignore.",
        example: "a model with `ir_version: 2`, or without any",
        remedy: "Convert the model with a current `onnx` package: load it, set ir_version, save it.",
    }
    UNSUPPORTED_OPSET = 109 {
        title: "the model's operator set is missing or not supported",
        explanation: "The meaning of an ONNX operator depends on the version of its operator set, so a model \
                      must import one, once for each domain, in a version that m4c knows.",
        example: "a model without `opset_import`, or with `ai.onnx` twice",
        remedy: "Export the model for an operator set in the supported range, or use the ONNX version converter.",
    }
    EXTERNAL_DATA_MISSING = 121 {
        title: "a file with external weights is missing",
        explanation: "Large models keep their weights in files beside the .onnx file, which names them. \
                      One of these files is not there.",
        example: "cp model.onnx elsewhere/    # without model.onnx.data\nm4c compile elsewhere/model.onnx",
        remedy: "Put the data files beside the .onnx file, under the names that the model uses.",
    }
    EXTERNAL_DATA_OUTSIDE = 122 {
        title: "external weights lie outside the model's folder",
        explanation: "A model may name only files in its own folder or below. An absolute path, a path \
                      through `..`, or a symbolic link that leads out could make m4c read any file of this \
                      machine into an artifact. A link that leads to the folder in which the .onnx file \
                      itself really lies is accepted: download caches store models like that.",
        example: "location = \"../../etc/passwd\"",
        remedy: "Move or copy the data file into the model's folder and correct the location.",
    }
    EXTERNAL_DATA_RANGE = 123 {
        title: "external weights lie beyond the end of their file",
        explanation: "A tensor is said to be at an offset, with a length, that its file does not reach.",
        example: "offset = 4096 and length = 65536 in a file of 4096 bytes",
        remedy: "The data file is cut short or belongs to another export: fetch or export both files again.",
    }
    EXTERNAL_DATA_MALFORMED = 124 {
        title: "the description of external weights cannot be understood",
        explanation: "External weights are described by a location, an offset and a length. The location is \
                      missing, a number is not a number, or a key appears twice.",
        example: "offset = \"-4\"",
        remedy: "Export the model again.",
    }
    EXTERNAL_DATA_CHECKSUM = 125 {
        title: "checksums of external weights are not checked",
        explanation: "The model names SHA-1 digests of its external weights. m4c hashes weights once, with \
                      its own digest, when it writes the artifact, and does not compare these.",
        example: "checksum = \"da39a3ee5e6b4b0d3255bfef95601890afd80709\"",
        remedy: "Nothing, unless the file came from a place that you do not trust: then check it yourself.",
    }
    TENSOR_LENGTH = 126 {
        title: "a tensor's data does not fit its shape",
        explanation: "The dimensions and the element type say how many bytes a tensor has; the file holds \
                      another number of them.",
        example: "dims = [4, 4] of float, with 60 bytes of raw_data",
        remedy: "Export the model again.",
    }
    TENSOR_SHAPE = 127 {
        title: "a tensor's shape is impossible",
        explanation: "A stored tensor has a negative dimension, or so many elements that its size in bytes \
                      does not fit 64 bits.",
        example: "dims = [-1, 4] in an initializer",
        remedy: "Export the model again.",
    }
    TENSOR_VALUE = 128 {
        title: "a tensor's value does not fit its type",
        explanation: "Small types may be stored one element per 32-bit number. A number is outside the range \
                      of the type.",
        example: "300 in the int32_data of a uint8 tensor",
        remedy: "Export the model again.",
    }
    UNSUPPORTED_DTYPE = 129 {
        title: "an element type is not supported",
        explanation: "m4c stores bool, i4, u4, i8, u8, i16, i32, i64, f16, bf16 and f32, and carries the other numbers \
                      of ONNX in these. This type is none of them, or it is missing.",
        example: "an input of type string or complex64",
        remedy: "Keep that part of the model outside of the compiled graph, or export with another type.",
    }
    SPARSE_TENSOR = 130 {
        title: "sparse tensors are not supported",
        explanation: "The model has sparse initializers, inputs or attributes.",
        example: "a graph with sparse_initializer",
        remedy: "Convert them to dense tensors before the export.",
    }
    DOUBLE_AS_SINGLE = 131 {
        title: "numbers of 64 bits are computed with 32",
        explanation: "The model has values of type double. They are stored and computed as f32, which keeps about \
                      7 digits; inputs and outputs of type double are f32, too.",
        example: "an input of type double",
        remedy: "Nothing, where 7 digits do; export the model in f32 to be rid of the warning.",
    }
    UNSUPPORTED_OPERATORS = 140 {
        title: "the model uses operators that m4c cannot import",
        explanation: "All of them are listed at once, with the number of nodes and the first node of each, \
                      so that the whole distance to a working model can be seen.",
        example: "3 nodes use an operator that m4c cannot import (2 different)",
        remedy: "Compare with the pages of `m4c ops`; cut the part off, or export it otherwise.",
    }
    UNSUPPORTED_ATTRIBUTE = 141 {
        title: "an attribute has a value that m4c cannot import",
        explanation: "The operator is known, but not with this setting.",
        example: "Resize with mode = \"cubic\" and antialias = 1",
        remedy: "Export the model with a setting that is supported; the message names those.",
    }
    ATTRIBUTE_KIND = 142 {
        title: "an attribute is missing, given twice, or of the wrong kind",
        explanation: "ONNX prescribes for each attribute whether it is a number, a list, a text, a tensor or \
                      a graph, and whether it may be left out.",
        example: "axis = 1.0 where an integer is meant",
        remedy: "The model is not valid ONNX: run the ONNX checker on it, and report it to its exporter.",
    }
    OPERAND_COUNT = 143 {
        title: "a node has a wrong number of inputs or outputs",
        explanation: "The operator takes fewer or more inputs, or gives fewer or more outputs, or one that \
                      must be there is left out.",
        example: "MatMul with one input",
        remedy: "The model is not valid ONNX: run the ONNX checker on it, and report it to its exporter.",
    }
    CONTROL_FLOW = 144 {
        title: "this control flow is not supported",
        explanation: "A branch or a loop can be compiled if its condition or its number of turns is known \
                      when the sizes are known. This one depends on the data.",
        example: "Loop until a condition that the body computes",
        remedy: "Run the loop in the application around the compiled graph, as is done for text generation.",
    }
    UNDEFINED_NAME = 145 {
        title: "a value is used but never defined",
        explanation: "A node or a graph output names a value that is no input, no initializer and no output \
                      of an earlier node.",
        example: "MatMul(\"x\", \"weigth\") where the initializer is called \"weight\"",
        remedy: "The model is not valid ONNX. Models cut out of larger ones often lack an input like that.",
    }
    DUPLICATE_DEFINITION = 146 {
        title: "a value is defined twice",
        explanation: "In ONNX each name has one definition. Some exporters produce a second one when an \
                      output is named like an inner value, and store the file without complaint.",
        example: "an output that is called \"embedding\" like an inner value",
        remedy: "Give the outputs other names in the export.",
    }
    CYCLE = 147 {
        title: "the graph has a cycle",
        explanation: "Some nodes need each other's results, so none can be first.",
        example: "a = Add(b, x) and b = Mul(a, x)",
        remedy: "The model is not valid ONNX: run the ONNX checker on it, and report it to its exporter.",
    }
    FUNCTION_CALLS = 148 {
        title: "calls of the model's functions do not end",
        explanation: "A call of a function that the model defines is replaced by the function's nodes. A function that \
                      calls itself, directly or through others, never ends; depth and the number of nodes are bounded too.",
        example: "function F has a node of type F",
        remedy: "The model is not valid ONNX: report it to its exporter, or inline the functions before.",
    }
    TEXT_FORM = 160 {
        title: "the text form of a graph cannot be parsed",
        explanation: "The text form that --dump prints can be read back. This text is not of that form; \
                      file and line are named.",
        example: "%2 = matmul %0",
        remedy: "Compare with the reference page of the operator; each has a line in text form.",
    }
}
