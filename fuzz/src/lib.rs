//! What the fuzz targets share.

use m4c_tests::hostile::TARGETS;

/// Feeds bytes to the target of that name.
///
/// # Panics
/// Where the target finds something, or there is none.
pub fn feed(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    (target.read)(bytes);
}
