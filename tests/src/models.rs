//! The models in the repository, and inputs of any size for them.

use crate::random::Random;
use crate::{Named, npz, root};
use m4c_ops::{Data, Tensor};
use std::path::PathBuf;
use std::sync::Arc;

/// A model with inputs and expected outputs.
pub struct Model {
    /// Name in messages.
    pub name: &'static str,
    folder: &'static str,
    file: &'static str,
    /// Makes other inputs, for a seed.
    pub other: fn(u64) -> Named,
    /// How far its outputs may be from the expected ones, relative to the largest magnitude.
    pub tolerance: f64,
}

/// All models that must work whole.
pub const MODELS: &[Model] = &[
    Model { name: "img_enc by tracing", folder: "img_enc", file: "ts-op17.onnx", other: image, tolerance: 1e-4 },
    Model { name: "img_enc by dynamo", folder: "img_enc", file: "dyn-op20.onnx", other: image, tolerance: 1e-4 },
    Model { name: "minilm", folder: "minilm", file: "minilm.onnx", other: sentence, tolerance: 1e-5 },
];

impl Model {
    /// The ONNX file.
    pub fn path(&self) -> PathBuf {
        let path = root().join("models").join(self.folder).join(self.file);
        let weights = path.with_extension("onnx.data");
        assert!(self.folder != "minilm" || weights.is_file(), "{} is missing: run scripts/setup", weights.display());
        path
    }

    /// The inputs that the expected outputs are for.
    pub fn inputs(&self) -> Named {
        npz::read(&root().join("models").join(self.folder).join("inputs.npz"))
    }

    /// What PyTorch gave for them.
    pub fn expected(&self) -> Named {
        npz::read(&root().join("models").join(self.folder).join("expected.npz"))
    }
}

fn image(seed: u64) -> Named {
    let batch = [1, 3, 5][seed as usize % 3];
    let mut random = Random::new(seed);
    let count = batch * 3 * 56 * 56;
    let pixels = (0..count).map(|_| 2.0 * random.unit() - 1.0).collect();
    named([("vision", vec![batch, 3, 56, 56], Data::F32(pixels))])
}

/// Rows of different length: the rest of each is padding that the mask hides.
fn sentence(seed: u64) -> Named {
    let (batch, seq) = [(1, 1), (2, 33), (3, 7)][seed as usize % 3];
    let mut random = Random::new(seed);
    let ids = (0..batch * seq).map(|_| random.below(30522) as i64).collect();
    let mask = (0..batch * seq).map(|i| i64::from(i % seq <= (i / seq + 1) * seq / batch)).collect();
    let types = (0..batch * seq).map(|i| i64::from(i % seq > seq / 2)).collect();
    let shape = vec![batch, seq];
    named([
        ("input_ids", shape.clone(), Data::I64(ids)),
        ("attention_mask", shape.clone(), Data::I64(mask)),
        ("token_type_ids", shape, Data::I64(types)),
    ])
}

fn named<const N: usize>(tensors: [(&str, Vec<usize>, Data); N]) -> Named {
    let tensor = |(name, shape, data): (&str, Vec<usize>, Data)| {
        (name.to_string(), Arc::new(Tensor::new(shape, data).expect("as many elements as the shape has")))
    };
    tensors.into_iter().map(tensor).collect()
}
