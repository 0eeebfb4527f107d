//! Folders of adapters.

use super::assert_no_bug;
use crate::fixtures::Fixture;
use m4c_compiler::adapter::{self, Way};
use m4c_compiler::phase::Phase;
use m4c_ir::Graph;
use std::cell::OnceCell;
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
    static MODEL: OnceCell<Graph> = const { OnceCell::new() };
}

/// Reads an adapter, its configuration, a byte of 0, its tensors, and puts it into a model.
pub(super) fn read(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (config, tensors) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let read = FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder")).path();
        std::fs::write(folder.join("adapter_config.json"), config).expect("a file");
        std::fs::write(folder.join("adapter_model.safetensors"), tensors).expect("a file");
        adapter::read(folder)
    });
    let Ok(adapter) = read else { return };
    assert!(adapter.changes.iter().all(|change| change.scale.is_finite() && change.rank > 0));
    MODEL.with(|model| {
        let model = model.get_or_init(|| {
            let fixture = Fixture::named("vit_base/dyn-op20");
            fixture.after(Phase::Facts).unwrap_or_else(|errors| panic!("{}", errors.to_text()))
        });
        for way in [Way::Merge, Way::Side] {
            if let Err(errors) = adapter::apply(model, &[(&adapter, way)]) {
                assert_no_bug(&errors);
            }
        }
    });
}
