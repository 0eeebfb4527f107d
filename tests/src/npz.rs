//! Tensors from and to NumPy archives, for the types that the fixtures have.

use crate::Named;
use m4c_ops::{Data, Tensor};
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{NpzReader, NpzWriter};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// All arrays of an archive.
///
/// # Panics
/// Where the file is not there or has arrays of other types.
pub fn read(path: &Path) -> Named {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut archive = NpzReader::new(file).expect("a NumPy archive");
    let names = archive.names().expect("names");
    let read = |name: &String| {
        let tensor = if let Ok(array) = archive.by_name::<ndarray::OwnedRepr<f32>, IxDyn>(name) {
            Tensor::new(array.shape().to_vec(), Data::F32(array.iter().copied().collect()))
        } else if let Ok(array) = archive.by_name::<ndarray::OwnedRepr<i64>, IxDyn>(name) {
            Tensor::new(array.shape().to_vec(), Data::I64(array.iter().copied().collect()))
        } else {
            panic!("{}: `{name}` is neither f32 nor i64", path.display());
        };
        (name.trim_end_matches(".npy").to_string(), Arc::new(tensor.expect("as many elements as the shape has")))
    };
    names.iter().map(read).collect()
}

/// Writes an archive.
///
/// # Panics
/// Where it cannot be written or holds other types.
pub fn write(path: &Path, tensors: &Named) {
    let mut archive = NpzWriter::new(File::create(path).expect("a file"));
    for (name, tensor) in tensors {
        let shape = IxDyn(tensor.shape());
        match tensor.data() {
            Data::F32(v) => archive.add_array(name, &ArrayD::from_shape_vec(shape, v.clone()).expect("shape")),
            Data::I64(v) => archive.add_array(name, &ArrayD::from_shape_vec(shape, v.clone()).expect("shape")),
            other => panic!("`{name}` is {:?}", other.dtype()),
        }
        .expect("written");
    }
    archive.finish().expect("written");
}
