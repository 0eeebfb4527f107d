//! 05xx: what targets take, and where nodes are placed.

use crate::diagnostic::code::codes;

codes! {
    TARGET_UNSUPPORTED = 501 {
        title: "a target does not take a node",
        explanation: "The node's operator, types or sizes are not in the target's support table, or the \
                      table does not know, and no decomposition of it is taken either. The message lists all \
                      such nodes with the reason and their place in the model.",
        example: "add of i16 on a target whose kernels are f32, i32 and i64",
        remedy: "See the reason in the message; export the model with other types or sizes.",
    }
    KERNEL_MISSING = 502 {
        title: "a target took a node that it has no kernel for",
        explanation: "The support table of the target promises the node, its code generator has nothing for \
                      it. The two contradict each other.",
        example: "the table says matmul of i4, the generator knows i8 only",
        remedy: "Report it with the node.",
    }
}
