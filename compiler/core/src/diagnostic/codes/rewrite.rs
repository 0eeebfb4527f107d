//! 04xx: rewriting.

use crate::diagnostic::code::codes;

codes! {
    REWRITE_TOO_LARGE = 401 {
        title: "a part of the graph is too large to be rewritten",
        explanation: "Rewriting holds every form of a part of the graph at once. Blocks that repeat are rewritten once, but \
                      what does not repeat and has very many nodes is left as it was imported; it is compiled all the same.",
        example: "a graph of a million different nodes",
        remedy: "Nothing need be done. Composites that the exporter spelled out stay in parts there.",
    }
}
