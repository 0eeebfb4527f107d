//! Writes the constants of plans, one tensor at a time; what several programs share is written once.

use super::Failure;
use super::elements::elements;
use super::program::dtype;
use crate::plan::{Plan, StoredConstant};
use m4c_format::{ConstantId, ConstantSpec, Writer};
use m4c_ir::{Constant, Identity, NodeKind};
use m4c_target::{Target, Weight};
use std::collections::BTreeMap;
use std::io::{Seek, Write};

/// Writes constants and reports how far it is.
pub(super) struct Constants<'a> {
    target: &'a dyn Target,
    observer: &'a mut dyn FnMut(u64, u64),
    done: u64,
    total: u64,
    /// Parts of files that are written already, so that a second program need not read them again.
    written: BTreeMap<(Identity, ConstantSpec), ConstantId>,
}

impl<'a> Constants<'a> {
    /// For the constants of all plans.
    pub(super) fn new(plans: &[Plan], target: &'a dyn Target, observer: &'a mut dyn FnMut(u64, u64)) -> Constants<'a> {
        let bytes = plans.iter().flat_map(|plan| plan.constants.iter().map(|constant| plan.stored_bytes(constant)));
        let total = bytes.fold(0, u64::saturating_add);
        Constants { target, observer, done: 0, total, written: BTreeMap::new() }
    }

    /// The numbers of a plan's constants, in order.
    pub(super) fn write<W: Write + Seek>(
        &mut self,
        plan: &Plan,
        writer: &mut Writer<W>,
    ) -> Result<Vec<ConstantId>, Failure> {
        let mut ids = Vec::with_capacity(plan.constants.len());
        for constant in &plan.constants {
            ids.push(self.write_one(plan, constant, writer)?);
            self.done = self.done.saturating_add(plan.stored_bytes(constant));
            (self.observer)(self.done, self.total);
        }
        Ok(ids)
    }

    fn write_one<W: Write + Seek>(
        &mut self,
        plan: &Plan,
        constant: &StoredConstant,
        writer: &mut Writer<W>,
    ) -> Result<ConstantId, Failure> {
        let fact = plan.fact(constant);
        let sizes = fact.sizes().ok_or_else(|| Failure::bug("a constant has a symbolic size"))?;
        let spec = ConstantSpec {
            dtype: dtype(fact.dtype),
            dims: sizes.into_iter().map(|size| size as u64).collect(),
            layout: constant.layout.unwrap_or_default().into(),
        };
        let identity = match &plan.graph.node(constant.value).kind {
            NodeKind::Constant(constant @ Constant::Stored { .. }) => constant.identity(),
            _ => None,
        };
        let key = identity.map(|identity| (identity, spec.clone()));
        if let Some(&known) = key.as_ref().and_then(|key| self.written.get(key)) {
            return Ok(known);
        }
        let bytes = elements(&plan.graph, constant.value)
            .map_err(|reason| Failure::bug(format!("constant %{} : {fact}: {reason}", constant.value.0)))?;
        let id = match constant.layout {
            None => writer.constant(&spec, &bytes)?,
            Some(layout) => {
                let weight = Weight { fact, bytes: &bytes };
                writer.constant_from(&spec, |out| self.target.pack(layout, weight, out))?
            }
        };
        if let Some(key) = key {
            self.written.insert(key, id);
        }
        Ok(id)
    }
}
