//! 02xx: element types, shapes, symbolic sizes and the verifier.

use crate::diagnostic::code::codes;

codes! {
    SHAPE_INFERENCE = 201 {
        title: "the operands of a node do not fit its operator",
        explanation: "Each operator states constraints on its operands. The message names the one that does \
                      not hold, with the types and shapes that were found.",
        example: "matmul of [4, 8] and [9, 2]: the inner sizes 8 and 9 differ",
        remedy: "Look at the node and its neighbors with --dump=facts; the cause is often an earlier node.",
    }
    DIMENSION_CONFLICT = 202 {
        title: "one dimension would need two sizes",
        explanation: "Two parts of the model imply different sizes for the same dimension, for instance the \
                      declared shape of an input and the weight that it meets.",
        example: "input `ids` says batch = 1, mask and ids together say batch = 2",
        remedy: "Correct the declared shapes, or the --dim that fixes one of them.",
    }
    GUARD_IMPOSSIBLE = 203 {
        title: "a requested size contradicts the model",
        explanation: "The exporter fixed a size in the model, or a step demands that one size divides \
                      another. With the sizes that were asked for, that cannot hold. m4c refuses such sizes \
                      rather than compute something else.",
        example: "--dim seq=128 for a model that was exported for seq = 64 in one place",
        remedy: "Ask for a size that the guard allows, or export the model with a dynamic dimension.",
    }
    DIM_UNKNOWN = 205 {
        title: "no dimension has this name",
        explanation: "--dim gives a size or a range to a symbolic dimension of the model's inputs. The model \
                      has none of this name; the message lists those that it has.",
        example: "--dim bacth=1",
        remedy: "Use a name from the list. `m4c compile MODEL --stop-after import` prints them as well.",
    }
    DIM_OUT_OF_RANGE = 206 {
        title: "a size is outside of the declared range",
        explanation: "A size must be positive, within the bounds that the model declares, and on its step.",
        example: "--dim h=15 for a dimension that was declared 16..64 in steps of 2",
        remedy: "Choose a size within the range, or declare a wider one.",
    }
    VERIFIER = 210 {
        title: "the graph is not well formed",
        explanation: "After each phase m4c checks its own graph. A check failed: a phase made a wrong graph. \
                      Nothing was written.",
        example: "a node that uses a value of another type than was inferred for it",
        remedy: "Report it, with the model or with the text that --dump prints for the phase before.",
    }
}
