//! Weights in other files: found where they may be, refused where they may not.

use super::*;
use crate::diagnostic::{Code, codes};
use crate::onnx::{DataFiles, TensorData, TensorRef};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A folder with `sub/m.onnx`, so that there is an outside that belongs to the test as well.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("sub")).unwrap();
        Place { root }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("sub")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> &Self {
        fs::write(self.folder().join(name), bytes).unwrap();
        self
    }

    fn model(&self, tensors: Vec<TensorProto>) -> ModelFile {
        self.file("m.onnx", &storing(tensors).encode_to_vec());
        ModelFile::open(self.folder().join("m.onnx")).unwrap()
    }

    fn load(&self, tensor: TensorProto) -> Result<TensorRef, Diagnostic> {
        let file = self.model(vec![tensor]);
        file.tensor(&file.graph_proto().initializer[0])
    }

    fn refused(&self, keys: &[(&str, &str)], code: Code, words: &str) {
        let error = self.load(elsewhere("t", ElementType::Uint8, &[4], keys)).unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(words) && error.message.contains("`t`"), "{error}");
        assert!(error.help.is_some());
    }
}

#[test]
fn tensors_of_one_file_share_its_map() {
    let place = Place::new();
    place.file("w.data", &(0..=99).collect::<Vec<u8>>());
    let file = place.model(vec![
        elsewhere("a", ElementType::Uint8, &[4], &[("location", "w.data"), ("offset", "3"), ("length", "4")]),
        elsewhere("b", ElementType::Uint16, &[2], &[("location", "./w.data"), ("offset", "95")]),
        elsewhere("c", ElementType::Uint8, &[0], &[("location", "w.data"), ("offset", "100")]),
    ]);
    let mut diagnostics = Diagnostics::new();
    let tensors = file.graph(&mut diagnostics).initializers(&mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics}");
    assert_eq!(tensors[0].1.bytes(), [3, 4, 5, 6]);
    assert_eq!(tensors[1].1.bytes(), [95, 96, 97, 98]);
    assert_eq!(tensors[2].1.bytes(), [0_u8; 0]);
    let sources: Vec<_> = tensors
        .iter()
        .map(|(_, tensor)| match &tensor.data {
            TensorData::Slice(slice) => slice.source(),
            TensorData::Owned(_) => panic!("{tensor:?}"),
        })
        .collect();
    assert!(sources.iter().all(|source| Arc::ptr_eq(source, sources[0])));
}

#[test]
fn each_tensor_may_have_its_own_file_with_any_name() {
    let place = Place::new();
    let names = ["onnx::MatMul_573", "m.model.layers.0.weight", "white space", "ünïcode", "a'b\"c", "-x"];
    let keys: Vec<_> = names.iter().map(|name| [("location", *name)]).collect();
    for (index, name) in names.iter().enumerate() {
        place.file(name, &[index as u8; 4]);
    }
    let tensors = names.iter().zip(&keys).map(|(name, keys)| elsewhere(name, ElementType::Int8, &[4], keys));
    let file = place.model(tensors.collect());
    let mut diagnostics = Diagnostics::new();
    let loaded = file.graph(&mut diagnostics).initializers(&mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics}");
    for (index, (name, tensor)) in loaded.iter().enumerate() {
        assert_eq!((*name, tensor.bytes()), (names[index], [index as u8; 4].as_slice()));
    }
}

#[test]
fn offsets_of_three_and_five_gigabytes_in_a_sparse_file_are_reached() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let place = Place::new();
    for offset in [3_u64 << 30, (5 << 30) + 1] {
        let mut data = fs::File::create(place.folder().join("big.data")).unwrap();
        data.seek(SeekFrom::Start(offset)).unwrap();
        data.write_all(&[1, 2, 3, 4]).unwrap();
        let keys = [("location", "big.data"), ("offset", &*offset.to_string()), ("length", "4")];
        let tensor = place.load(elsewhere("t", ElementType::Uint8, &[4], &keys)).unwrap();
        assert_eq!(tensor.bytes(), [1, 2, 3, 4]);
        // A tensor of that size costs no memory until it is read.
        let dims = [offset as i64 + 4];
        let whole = elsewhere("t", ElementType::Uint8, &dims, &[("location", "big.data")]);
        assert_eq!(place.load(whole).unwrap().bytes().len() as u64, offset + 4);
    }
}

#[test]
fn locations_outside_of_the_folder_are_refused() {
    let place = Place::new();
    let secret = place.root.path().join("secret");
    fs::write(&secret, [0; 4]).unwrap();
    fs::create_dir(place.folder().join("inner")).unwrap();
    let absolute = secret.to_str().unwrap().to_owned();
    for location in ["../secret", "inner/../../secret", "../sub/../secret", &absolute, "..", "/", "."] {
        place.refused(&[("location", location)], codes::EXTERNAL_DATA_OUTSIDE, "folder");
    }
}

#[test]
fn a_path_that_goes_up_but_stays_inside_is_accepted() {
    let place = Place::new();
    fs::create_dir(place.folder().join("inner")).unwrap();
    place.file("w", &[9; 4]);
    let tensor = elsewhere("t", ElementType::Uint8, &[4], &[("location", "inner/../w")]);
    assert_eq!(place.load(tensor).unwrap().bytes(), [9; 4]);
}

#[cfg(unix)]
mod links {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_that_leads_out_is_refused() {
        let place = Place::new();
        fs::write(place.root.path().join("secret"), [0; 4]).unwrap();
        symlink("../secret", place.folder().join("link")).unwrap();
        symlink("..", place.folder().join("up")).unwrap();
        for location in ["link", "up/secret"] {
            place.refused(&[("location", location)], codes::EXTERNAL_DATA_OUTSIDE, "symbolic link");
        }
    }

    #[test]
    fn a_link_that_stays_inside_is_accepted() {
        let place = Place::new();
        place.file("w", &[9; 4]);
        symlink("w", place.folder().join("link")).unwrap();
        let tensor = elsewhere("t", ElementType::Uint8, &[4], &[("location", "link")]);
        assert_eq!(place.load(tensor).unwrap().bytes(), [9; 4]);
    }

    #[test]
    fn a_cache_that_links_model_and_data_to_one_store_is_accepted() {
        let place = Place::new();
        let store = place.root.path().join("store");
        fs::create_dir(&store).unwrap();
        let tensor = elsewhere("t", ElementType::Uint8, &[4], &[("location", "m.onnx.data")]);
        fs::write(store.join("aa"), storing(vec![tensor]).encode_to_vec()).unwrap();
        fs::write(store.join("bb"), [9; 4]).unwrap();
        symlink("../store/aa", place.folder().join("m.onnx")).unwrap();
        symlink("../store/bb", place.folder().join("m.onnx.data")).unwrap();
        let file = ModelFile::open(place.folder().join("m.onnx")).unwrap();
        assert_eq!(file.tensor(&file.graph_proto().initializer[0]).unwrap().bytes(), [9; 4]);
    }
}

#[test]
fn what_is_missing_or_wrong_is_named_with_its_numbers() {
    let place = Place::new();
    place.file("w", &[0; 6]);
    place.file("pointer", b"version https://git-lfs.github.com/spec/v1\n");
    place.refused(&[("location", "gone")], codes::EXTERNAL_DATA_MISSING, "gone");
    place.refused(
        &[("location", "w"), ("offset", "3")],
        codes::EXTERNAL_DATA_RANGE,
        "at byte 3 of `w` with 4 bytes, the file has 6",
    );
    place.refused(
        &[("location", "w"), ("offset", "18446744073709551615")],
        codes::EXTERNAL_DATA_RANGE,
        "the file has 6",
    );
    place.refused(&[("location", "w"), ("length", "5")], codes::TENSOR_LENGTH, "has 5 bytes in `w`, its shape needs 4");
    place.refused(&[("location", "w"), ("offset", "-3")], codes::EXTERNAL_DATA_MALFORMED, "offset is `-3`");
    place.refused(
        &[("location", "w"), ("offset", "99999999999999999999")],
        codes::EXTERNAL_DATA_MALFORMED,
        "offset is",
    );
    place.refused(&[("location", "w"), ("length", "4 bytes")], codes::EXTERNAL_DATA_MALFORMED, "length is");
    place.refused(&[("location", "w"), ("location", "w")], codes::EXTERNAL_DATA_MALFORMED, "location is given twice");
    place.refused(&[("location", "")], codes::EXTERNAL_DATA_MALFORMED, "no location");
    place.refused(&[], codes::EXTERNAL_DATA_MALFORMED, "no location");
    place.refused(&[("location", "a\0b")], codes::EXTERNAL_DATA_MISSING, "cannot be reached");
    let pointer = elsewhere("t", ElementType::Uint8, &[4], &[("location", "pointer")]);
    assert_eq!(place.load(pointer).unwrap_err().code, codes::LFS_POINTER);
}

#[test]
fn many_tensors_of_a_missing_file_are_one_diagnostic() {
    let place = Place::new();
    let keys = [("location", "gone"), ("checksum", "0")];
    let tensors = ["a", "b", "c"].map(|name| elsewhere(name, ElementType::Uint8, &[4], &keys));
    let file = place.model(tensors.into());
    let mut diagnostics = Diagnostics::new();
    assert!(file.graph(&mut diagnostics).initializers(&mut diagnostics).is_empty());
    let found: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(found, [codes::EXTERNAL_DATA_MISSING, codes::EXTERNAL_DATA_CHECKSUM]);
    assert!(diagnostics.to_text().contains("2 more external tensors"), "{diagnostics}");
}

#[test]
fn a_model_is_found_by_its_bare_name_as_well() {
    let external = crate::onnx::external::ExternalFiles::beside(Path::new("bare.onnx"), DataFiles::default());
    let error = external.slice(
        "t",
        &elsewhere("t", ElementType::Uint8, &[1], &[("location", "no-such-file")]).external_data,
        1,
    );
    assert_eq!(error.unwrap_err().code, codes::EXTERNAL_DATA_MISSING);
}
