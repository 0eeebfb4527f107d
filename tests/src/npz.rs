//! Tensors from and to NumPy archives, for the types that the fixtures have.

use crate::Named;
use m4c_ops::{Data, Tensor};
use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, NpzWriter, WritableElement};
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
    names
        .iter()
        .map(|name| {
            let tensor = array(&mut archive, name)
                .unwrap_or_else(|| panic!("{}: `{name}` has a type that no fixture has", path.display()));
            (name.trim_end_matches(".npy").to_string(), Arc::new(tensor))
        })
        .collect()
}

fn array(archive: &mut NpzReader<File>, name: &str) -> Option<Tensor> {
    fn of<T: Clone>(array: &ArrayD<T>, data: fn(Vec<T>) -> Data) -> Option<Tensor> {
        Tensor::new(array.shape().to_vec(), data(array.iter().cloned().collect()))
    }
    if let Ok(array) = archive.by_name::<OwnedRepr<f32>, IxDyn>(name) {
        of(&array, Data::F32)
    } else if let Ok(array) = archive.by_name::<OwnedRepr<i64>, IxDyn>(name) {
        of(&array, Data::I64)
    } else if let Ok(array) = archive.by_name::<OwnedRepr<i32>, IxDyn>(name) {
        of(&array, Data::I32)
    } else if let Ok(array) = archive.by_name::<OwnedRepr<bool>, IxDyn>(name) {
        of(&array, Data::Bool)
    } else {
        None
    }
}

/// Writes an archive. Half precision is written as single, for NumPy's reader to narrow again.
///
/// # Panics
/// Where it cannot be written or holds other types.
pub fn write(path: &Path, tensors: &Named) {
    fn add<T: WritableElement + Clone>(archive: &mut NpzWriter<File>, name: &str, shape: &[usize], values: &[T]) {
        let array = ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).expect("as many elements as the shape has");
        archive.add_array(name, &array).expect("written");
    }
    let mut archive = NpzWriter::new(File::create(path).expect("a file"));
    for (name, tensor) in tensors {
        let shape = tensor.shape();
        match tensor.data() {
            Data::F32(v) => add(&mut archive, name, shape, v),
            Data::F16(v) => add(&mut archive, name, shape, &v.iter().map(|x| x.to_f32()).collect::<Vec<f32>>()),
            Data::I64(v) => add(&mut archive, name, shape, v),
            Data::I32(v) => add(&mut archive, name, shape, v),
            Data::Bool(v) => add(&mut archive, name, shape, v),
            other => panic!("`{name}` is {:?}", other.dtype()),
        }
    }
    archive.finish().expect("written");
}
