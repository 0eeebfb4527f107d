//! Rules that lead on to each other.

use super::spellings::{count, recognized};

/// Attention with a mask of 3 queries and 4 keys, which is broadcast as a condition and then added.
fn masked(rows: &str) -> String {
    format!(
        "%0 = input \"q\" : f32[2, 1, 3, 5]\n%1 = input \"k\" : f32[2, 1, 4, 5]\n%2 = constant bool[1, 1, 3, 4] {rows}\n\
         %3 = broadcast %2 {{sizes = [2, 1, 3, 4]}} : bool[2, 1, 3, 4]\n%4 = constant f32[] 0\n\
         %5 = constant f32[] -340282350000000000000000000000000000000\n%6 = select %3, %4, %5 : f32[2, 1, 3, 4]\n\
         %7 = transpose %1 {{perm = [0, 1, 3, 2]}} : f32[2, 1, 5, 4]\n%8 = matmul %0, %7 : f32[2, 1, 3, 4]\n\
         %9 = add %8, %6 : f32[2, 1, 3, 4]\n%10 = softmax %9 {{axis = 3}} : f32[2, 1, 3, 4]\n\
         %11 = matmul %10, %1 : f32[2, 1, 3, 5]\noutput \"y\" = %11"
    )
}

#[test]
fn a_known_mask_that_hides_what_comes_later_is_an_attribute() {
    let later = masked("true true false false true true true false true true true true");
    let found = recognized(&later);
    assert_eq!([count(&found, "attention"), count(&found, "select"), count(&found, "broadcast")], [1, 0, 0], "{found}");
    assert!(found.to_string().contains("causal = [1]"), "{found}");
    // The second query sees a key that the third does not; and a first one that sees none.
    for other in [
        "true true false false true true true true true true true false",
        "false false false false true false false false true true false false",
    ] {
        let found = recognized(&masked(other));
        assert_eq!([count(&found, "attention"), count(&found, "select")], [1, 0], "{found}");
        assert!(found.to_string().contains("causal = []"), "{found}");
    }
}

#[test]
fn maps_are_enlarged_at_once() {
    let found = recognized(
        "%0 = input \"x\" : f32[2, 3, 4, 5]\n%1 = reshape %0 {groups = [1>_, 1>_, 1>_; 1, 1>_]} : f32[2, 3, 4, 1, 5]\n\
         %2 = broadcast %1 {sizes = [2, 3, 4, 2, 5]} : f32[2, 3, 4, 2, 5]\n\
         %3 = reshape %2 {groups = [1>_, 1>_, 2>_, 1>_; 1]} : f32[2, 3, 8, 5, 1]\n\
         %4 = broadcast %3 {sizes = [2, 3, 8, 5, 3]} : f32[2, 3, 8, 5, 3]\n\
         %5 = reshape %4 {groups = [1>_, 1>_, 1>_, 2>_]} : f32[2, 3, 8, 15]\noutput \"y\" = %5",
    );
    assert_eq!(count(&found, "broadcast"), 1, "{found}");
}

#[test]
fn frames_join_a_convolution() {
    let framed = |value: &str| {
        format!(
            "%0 = input \"x\" : f32[2, 3, 5]\n%1 = constant f32[] 0\n%2 = constant f32[] {value}\n\
             %3 = pad %0, %1 {{low = [0, 0, 1], high = [0, 0, 0], interior = [0, 0, 0]}} : f32[2, 3, 6]\n\
             %4 = pad %3, %2 {{low = [0, 0, 0], high = [0, 0, 2], interior = [0, 0, 0]}} : f32[2, 3, 8]\n\
             %5 = input \"w\" : f32[4, 3, 3]\n\
             %6 = conv %4, %5 {{strides = [1], dilations = [1], pads = [0, 1], groups = 1}} : f32[2, 4, 7]\noutput \"y\" = %6"
        )
    };
    let found = recognized(&framed("0"));
    assert_eq!(count(&found, "pad"), 0, "{found}");
    assert!(found.to_string().contains("pads = [1, 3]"), "{found}");
    assert_eq!(count(&recognized(&framed("1")), "pad"), 2);
}
