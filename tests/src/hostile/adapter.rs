//! Folders of adapters.

use std::cell::OnceCell;
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Reads an adapter: its configuration, a byte of 0, its tensors.
pub(super) fn read(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (config, tensors) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder")).path();
        std::fs::write(folder.join("adapter_config.json"), config).expect("a file");
        std::fs::write(folder.join("adapter_model.safetensors"), tensors).expect("a file");
        if let Ok(adapter) = m4c_compiler::adapter::read(folder) {
            assert!(adapter.changes.iter().all(|change| change.scale.is_finite() && change.rank > 0));
        }
    });
}
