//! What a compilation target is: support, cost, lowering.
