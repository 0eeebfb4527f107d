//! Adapters: changes of low rank to the weights of a model (Hu et al., "LoRA", arXiv 2106.09685), as peft saves them.

mod apply;
mod config;
mod peft;
mod place;
mod site;
mod tensors;
#[cfg(test)]
mod tests;

pub use apply::{Adapted, Applied, Homeless, Way, apply};
pub(crate) use peft::files;
pub use peft::read;
pub use site::{Module, modules};

use m4c_ir::Constant;
use m4c_ops::Fact;

/// An adapter.
#[derive(Debug)]
pub struct Adapter {
    /// The name of its folder.
    pub name: String,
    /// In the order of their modules.
    pub changes: Vec<Change>,
    /// Tensors that replace those of the model, in the order of their names.
    pub replacements: Vec<Replacement>,
}

impl Adapter {
    /// How many bytes the elements of its tensors have.
    pub fn bytes(&self) -> usize {
        self.changes.iter().map(Change::bytes).chain(self.replacements.iter().map(|one| one.matrix.bytes())).sum()
    }
}

/// The change of one weight: `scale * up * down` is added to it.
#[derive(Debug)]
pub struct Change {
    /// Where it belongs in the model, as PyTorch names modules.
    pub module: String,
    /// The rank of the change.
    pub rank: usize,
    /// What the change is multiplied by.
    pub scale: f64,
    /// Whether the weight is a table of embeddings, whose rows are the inputs.
    pub embedding: bool,
    /// `[rank, inputs]`, and sizes of a window behind these where the module is a convolution.
    pub down: Matrix,
    /// `[outputs, rank]`, and as many ones behind these.
    pub up: Matrix,
}

impl Change {
    /// How many inputs and outputs the weight has.
    pub fn features(&self) -> [usize; 2] {
        let size = |matrix: &Matrix, axis: usize| matrix.sizes().get(axis).copied().unwrap_or(0);
        [size(&self.down, 1), size(&self.up, 0)]
    }

    /// How many bytes the elements of both matrices have.
    pub fn bytes(&self) -> usize {
        self.down.bytes() + self.up.bytes()
    }
}

/// A tensor that replaces one of the model.
#[derive(Debug)]
pub struct Replacement {
    /// The name of the parameter, as PyTorch names it.
    pub parameter: String,
    /// The tensor.
    pub matrix: Matrix,
}

/// A tensor in the file of an adapter.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Its type and sizes.
    pub fact: Fact,
    /// Its elements.
    pub constant: Constant,
}

impl Matrix {
    /// The sizes.
    pub fn sizes(&self) -> Vec<usize> {
        self.fact.sizes().unwrap_or_default()
    }

    /// How many bytes its elements have.
    pub fn bytes(&self) -> usize {
        self.constant.stored_bytes().map_or(0, <[u8]>::len)
    }
}
