//! 09xx: reading artifacts, running them, and comparing results.

use crate::diagnostic::code::codes;

codes! {
    ARTIFACT_DAMAGED = 901 {
        title: "the artifact is damaged",
        explanation: "The runtime checks the header and the description of an artifact before it uses them, \
                      and its segments when asked to. A check failed; the message has the runtime's own code.",
        example: "an artifact after an interrupted copy",
        remedy: "Copy or compile it again. `m4c inspect --verify` checks all of it.",
    }
    ARTIFACT_VERSION = 902 {
        title: "the artifact is of another format version",
        explanation: "The artifact is intact, but was written by an m4c whose format this runtime does not read.",
        example: "an artifact of a newer m4c on an older runtime",
        remedy: "Compile the model with the m4c that belongs to the runtime, or update the runtime.",
    }
    RUN_INPUT_MISSING = 911 {
        title: "an input was not given",
        explanation: "A program needs all of its inputs for a run.",
        example: "m4c run model.m4fw --input ids=ids.npy    # without mask",
        remedy: "Give the inputs that the message lists.",
    }
    RUN_INPUT_UNKNOWN = 912 {
        title: "the program has no input of this name",
        explanation: "The name is not among the inputs of the program; the message lists those.",
        example: "m4c run model.m4fw --input id=ids.npy",
        remedy: "Correct the name, or choose the program with --program.",
    }
    RUN_INPUT_DTYPE = 913 {
        title: "an input has the wrong element type",
        explanation: "m4c does not convert inputs to just any type: a rounded or wrapped input gives wrong results.",
        example: "ids as float64 where the program wants i64",
        remedy: "Convert the array before the run.",
    }
    RUN_INPUT_SHAPE = 914 {
        title: "an input has a shape that the program refuses",
        explanation: "The rank is wrong, or a size contradicts a fixed size, a range, a guard, or another input.",
        example: "ids of [1, 4096] for a program that was compiled for seq = 1..2048",
        remedy: "Change the array, or compile the program for a wider range.",
    }
    ARRAYS_UNREADABLE = 915 {
        title: "a file of arrays cannot be used",
        explanation: "The .npy, .npz or .safetensors file is missing, is not in its format, or holds an array that \
                      m4c has no type for: objects, texts, complex numbers, 8-bit floats, or the other byte order.",
        example: "numpy.savez(\"in.npz\", ids=[\"a\", \"b\"])",
        remedy: "Save plain numeric arrays with numpy.save, numpy.savez or safetensors.numpy.save_file.",
    }
    PROGRAM_UNKNOWN = 916 {
        title: "the program to run is not clear",
        explanation: "The artifact or manifest has no program of the given name, or has several and none was given.",
        example: "m4c run encoders.m4fw --inputs in.npz, where there are the programs image and text",
        remedy: "Choose one with --program; `m4c inspect` lists them.",
    }
    RUN_FAILED = 917 {
        title: "a run failed",
        explanation: "The inputs have the right names, types and shapes, but a step cannot work with what they hold, \
                      or there is not enough memory. The message names the step and its place in the model.",
        example: "a token number beyond the vocabulary",
        remedy: "Correct the values of the inputs, or give smaller bounds where memory is short.",
    }
    OUTPUT_UNKNOWN = 918 {
        title: "the program has no output of this name",
        explanation: "The reference holds an array that is none of the program's outputs; the message lists those.",
        example: "--compare expected.npz with `logit` where the output is `logits`",
        remedy: "Correct the name of the array.",
    }
    INPUT_CONVERTED = 919 {
        title: "an array was converted to the type that carries its numbers",
        explanation: "Programs have no types double, uint16, uint32 and uint64: f32, i32 and i64 carry these. Arrays of such a \
                      type are converted alike; a double keeps about 7 digits.",
        example: "an input of type float64 for a model that was compiled from doubles",
        remedy: "Nothing; convert the array yourself to be rid of the note.",
    }
    OUT_OF_CLASS = 921 {
        title: "results differ by more than their class allows",
        explanation: "Each operator and rule has a numerics class: exact, reassociates, or approximates with \
                      a bound. The difference between two results is larger than the classes on the way allow.",
        example: "output `logits` differs by 3.1e-2, allowed are 1.0e-4",
        remedy: "Find the phase with `m4c verify --each-phase`, and report it with the model.",
    }
    INTERNAL = 999 {
        title: "m4c has a bug",
        explanation: "An assumption inside of m4c does not hold. The input is not to blame, and nothing was written.",
        example: "(any)",
        remedy: "Report it with the version, the command and, if possible, the model.",
    }
}
