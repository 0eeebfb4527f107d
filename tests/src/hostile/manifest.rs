//! Manifests that join models, and sizes on the command line.

use super::assert_no_bug;
use m4c_compiler::project::{DimSetting, Project};
use std::path::Path;

/// Reads a manifest, and the same text as a size.
pub(super) fn read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(errors) = Project::parse(text, Path::new("/nowhere/m4.toml"), &[]) {
        assert_no_bug(&errors);
    }
    if let Ok(setting) = text.parse::<DimSetting>() {
        assert!(setting.range.low >= 0 && setting.range.step > 0, "{setting:?}");
        assert!(setting.range.high.is_none_or(|high| setting.range.contains(high)), "{setting:?}");
    }
}
