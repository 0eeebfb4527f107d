//! 08xx: m4.toml and the command line.

use crate::diagnostic::code::codes;

codes! {
    DIM_SYNTAX = 801 {
        title: "--dim is not understood",
        explanation: "--dim takes a name and a size, or a range with an optional step.",
        example: "--dim seq=1..=128",
        remedy: "Write --dim NAME=SIZE, --dim NAME=LOW..HIGH or --dim NAME=LOW..HIGH:STEP.",
    }
    M4_TOML_SYNTAX = 811 {
        title: "m4.toml cannot be parsed",
        explanation: "The file is not valid TOML, or a value is of another kind than its key needs.",
        example: "[program.prefill]\nmodel = prefill.onnx    # without quotes",
        remedy: "Correct the line that is named.",
    }
    M4_TOML_UNKNOWN_KEY = 812 {
        title: "m4.toml has an unknown key",
        explanation: "Unknown keys are refused, because a misspelled setting would silently do nothing.",
        example: "[program.prefill]\nmodle = \"prefill.onnx\"",
        remedy: "Correct the spelling; the message lists the keys that are known at this place.",
    }
    M4_TOML_MISSING_FILE = 813 {
        title: "m4.toml names a file that does not exist",
        explanation: "Paths in m4.toml are relative to the folder of that file.",
        example: "model = \"prefil.onnx\"",
        remedy: "Correct the path, or put the file there.",
    }
    M4_TOML_DUPLICATE_PROGRAM = 814 {
        title: "m4.toml defines a program twice",
        explanation: "Programs of one artifact are called by name, so each name may appear once.",
        example: "two programs that are called `decode`",
        remedy: "Rename or remove one of them.",
    }
    M4_TOML_STATE_PORTS = 815 {
        title: "the ports of a state do not fit together",
        explanation: "A state joins outputs that write it (`from`) with inputs that read it (`to`). A pattern matches \
                      nothing, the two sides have different numbers of ports or different types, or a port belongs to \
                      two states. Ports pair by what the star stands for, or else by their order.",
        example: "[state.kv]\nfrom = \"prefill:presents.*\"    # the outputs are present.0.key, ...\nto = \"decode:past.*\"",
        remedy: "Correct the pattern; the message lists the names that exist.",
    }
    M4_TOML_STATE_CHANGE = 816 {
        title: "a program changes a state in no way that is known",
        explanation: "A program that reads a state may leave it longer, as one Concat of the input and new rows, or \
                      write another tensor of the same sizes. All programs must change a state in one way.",
        example: "input past[batch, 4, 10, 16] and output present[batch, 4, 9, 16]",
        remedy: "Export the model so that the output is the input with rows added behind it, or leave these ports out \
                 of the state.",
    }
    MEMORY_LIMIT = 820 {
        title: "more memory would be needed than may be taken",
        explanation: "A size in a model, an artifact or an input asks for more memory than the machine has, or than \
                      --max-memory allows. It is refused before memory is taken.",
        example: "an array file of 10 kB whose header claims 10 GB; a graph whose values for batch=1000000 do not fit",
        remedy: "Give smaller sizes, or a larger --max-memory where the machine has more.",
    }
    FEATURE_NOT_BUILT = 821 {
        title: "this m4c was built without the feature",
        explanation: "Some engines to compare with are large, and so are solvers; they are left out unless asked for.",
        example: "m4c verify model.onnx --against tract; m4c compile model.onnx -o model.m4fw --extract=optimal",
        remedy: "Build m4c again with the cargo feature that the message names.",
    }
    NODE_UNKNOWN = 822 {
        title: "no value comes from the node that is asked for",
        explanation: "A node is asked for by its name, its number in the file, or a part of its module path. Nodes that are \
                      computed when compiling, as shape arithmetic is, leave no value.",
        example: "m4c explain model.onnx --node Softmax_99",
        remedy: "Give one of the nodes that the message lists.",
    }
    LIMIT_EXCEEDED = 831 {
        title: "what was compiled is larger than allowed",
        explanation: "A condition of --fail-on does not hold. The arena can only be computed where every dimension has an \
                      upper bound.",
        example: "m4c compile model.onnx -o model.m4fw --fail-on 'arena>64MB'",
        remedy: "Bound dimensions more tightly with --dim, make the model smaller, or allow more.",
    }
}
