//! 06xx: steps, buffers and ports.

use crate::diagnostic::code::codes;

codes! {
    SIZE_UNDETERMINED = 601 {
        title: "no input determines a size",
        explanation: "When a program runs, every symbolic size is found from the shapes of its inputs: a size of an \
                      input must be the symbol, or the symbol times a number plus a number. This one occurs only \
                      together with others, or only inside the model.",
        example: "inputs f32[a + b] and f32[a*b], where neither gives a or b alone",
        remedy: "Fix it with --dim NAME=VALUE, or export the model with an input that has this size alone.",
    }
    TOO_MANY_AXES = 602 {
        title: "an input or output has more axes than artifacts allow",
        explanation: "Artifacts describe tensors of at most 8 axes.",
        example: "an output of 9 axes",
        remedy: "Reshape it in the model.",
    }
    OUTPUT_NOT_COPIED = 603 {
        title: "an output must be copied, and the target cannot copy its type",
        explanation: "An output that is an input, a constant, a view or a second name of another output is copied \
                      into the caller's buffer. The target has no copy for this element type.",
        example: "an i4 constant as an output",
        remedy: "Cast the output in the model to a type of whole bytes.",
    }
}
