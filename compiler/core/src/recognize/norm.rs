//! Normalizations and softmax: what the reductions inside a spelling must be.

use super::Site;
use super::pattern::known;
use m4c_ir::NodeKind;
use m4c_ops::build::{Build, Value};
use m4c_ops::{Attrs, Dim, Op, Tensor};

impl Site<'_> {
    /// The axes of a reduction that keeps them.
    fn reduced(&self, name: &str) -> Option<Vec<i64>> {
        let NodeKind::Apply { attrs, .. } = &self.graph.node(self.node(name)?).kind else { return None };
        attrs.get_flag("keep").then(|| attrs.get_ints("axes").to_vec())
    }

    /// The first of the axes that all these reductions go over to the last one, where their number of elements is `n`.
    fn normalized(&self, reductions: &[&str]) -> Option<i64> {
        let fact = self.graph.fact(self.node("x")?);
        let mut axes = self.reduced(reductions.first()?)?;
        axes.sort_unstable();
        let &first = axes.first()?;
        let whole: Vec<i64> = (first..fact.rank() as i64).collect();
        for name in reductions {
            let mut own = self.reduced(name)?;
            own.sort_unstable();
            (own == whole).then_some(())?;
        }
        let count = Dim::product(fact.shape.get(usize::try_from(first).ok()?..)?).as_i64()?;
        (self.found.number("n") == Some(count as f64)).then_some(first)
    }

    /// The number that is added to the variance.
    fn epsilon(&mut self) -> Option<Value> {
        let epsilon = self.found.number("epsilon")? as f32;
        Some(self.builder.constant(Tensor::scalar_f32(epsilon)))
    }
}

pub(super) fn softmax(site: &mut Site<'_>, op: &'static Op) -> Option<Value> {
    let axes = site.reduced("m")?;
    let &[axis] = &*axes else { return None };
    (site.reduced("s")? == axes).then_some(())?;
    let x = site.value("x");
    site.builder.apply(op, &[x], Attrs::none().int("axis", axis)).ok()
}

pub(super) fn layer_norm(site: &mut Site<'_>, op: &'static Op) -> Option<Value> {
    let axis = site.normalized(&["s", "v"])?;
    let (x, scale, bias, epsilon) = (site.value("x")?, site.value("scale")?, site.value("bias"), site.epsilon()?);
    let operands = [Some(x), Some(scale), bias, Some(epsilon)];
    site.builder.apply(op, &operands, Attrs::none().int("axis", axis)).ok()
}

pub(super) fn rms_norm(site: &mut Site<'_>, op: &'static Op) -> Option<Value> {
    let axis = site.normalized(&["s"])?;
    let (x, scale, epsilon) = (site.value("x")?, site.value("scale")?, site.epsilon()?);
    let operands = [x, scale, epsilon].map(Some);
    site.builder.apply(op, &operands, Attrs::none().int("axis", axis)).ok()
}

/// A normalization of groups as if each were a channel, then scale and bias of the true channels.
pub(super) fn group_norm(site: &mut Site<'_>, op: &'static Op) -> Option<Value> {
    let all = |name: &str, number: f64| -> Option<()> {
        known(site.graph, site.node(name)?)?.iter().all(|x| *x == number).then_some(())
    };
    all("ones", 1.0)?;
    all("zeros", 0.0)?;
    let NodeKind::Apply { attrs, .. } = &site.graph.node(site.node("g")?).kind else { return None };
    let groups = attrs.get_int("groups");
    let (fact, grouped) = (site.graph.fact(site.node("x")?), site.graph.fact(site.node("g")?));
    let [batch, channels, ..] = &*fact.shape else { return None };
    let [grouped_batch, count, ..] = &*grouped.shape else { return None };
    let whole = groups > 0 && channels.as_i64().is_some_and(|channels| channels % groups == 0);
    (whole && batch == grouped_batch && count.is(groups)).then_some(())?;
    // One number a channel: `[channels, 1, ..]`.
    let per_channel = |name: &str| -> Option<Vec<Dim>> {
        let shape = &site.graph.fact(site.node(name)?).shape;
        let lead = fact.rank().checked_sub(shape.len()).filter(|lead| *lead <= 1)?;
        let fits = |(axis, size): (usize, &Dim)| if axis + lead == 1 { size == channels } else { size.is(1) };
        shape.iter().enumerate().all(fits).then(|| vec![channels.clone()])
    };
    let sizes = [per_channel("scale")?, per_channel("bias")?];
    let (x, scale, bias) = (site.value("x")?, site.value("scale")?, site.value("bias")?);
    let epsilon = site.epsilon()?;
    let b: &mut dyn Build = site.builder;
    let (scale, bias) = (b.reshape(scale, &sizes[0]).ok()?, b.reshape(bias, &sizes[1]).ok()?);
    b.op(op, &[x, scale, bias, epsilon], Attrs::none().int("groups", groups)).ok()
}
