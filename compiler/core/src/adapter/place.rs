//! Which site each tensor of an adapter belongs to.

use super::site::{Role, Site};
use super::{Adapter, Change, Replacement};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};

/// How many sites an error lists.
const LISTED: usize = 4;

/// What an adapter does to the sites of one program.
#[derive(Default)]
pub(super) struct Placement<'a> {
    /// Changes of low rank, each with its sites: several where the module is used several times.
    pub(super) changes: Vec<(&'a Change, Vec<&'a Site>)>,
    /// Tensors that replace parameters.
    pub(super) replacements: Vec<(&'a Replacement, Vec<&'a Site>)>,
    /// What found no place in this program, by name.
    pub(super) homeless: Vec<(String, Diagnostic)>,
}

/// Finds the sites of an adapter.
///
/// # Errors
/// Where a module is there but its sizes are others, or a name means several modules.
pub(super) fn place<'a>(adapter: &'a Adapter, sites: &'a [Site]) -> Result<Placement<'a>, Diagnostics> {
    let (mut placement, mut diagnostics) = (Placement::default(), Diagnostics::new());
    for change in &adapter.changes {
        match of_change(adapter, change, sites) {
            Ok(Some(found)) => placement.changes.push((change, found)),
            Ok(None) => placement.homeless.push((change.module.clone(), homeless(adapter, &change.module, sites))),
            Err(error) => diagnostics.push(error),
        }
    }
    for replacement in &adapter.replacements {
        match of_replacement(adapter, replacement, sites) {
            Ok(Some(found)) => placement.replacements.push((replacement, found)),
            Ok(None) => {
                let name = &replacement.parameter;
                placement.homeless.push((name.clone(), homeless(adapter, name, sites)));
            }
            Err(error) => diagnostics.push(error),
        }
    }
    diagnostics.finish(placement).map(|(placement, _)| placement)
}

/// The sites of a change; of a module that is only known as part of the one around it, such as the projections of packed
/// attention, those with its sizes.
fn of_change<'a>(adapter: &Adapter, change: &Change, sites: &'a [Site]) -> Result<Option<Vec<&'a Site>>, Diagnostic> {
    let wanted = change.features();
    let fits = |site: &Site| {
        let role = if change.embedding { site.role == Role::Table } else { site.role != Role::Table };
        role && site.features() == Some(wanted) && site.window() == change.down.sizes().get(2..).unwrap_or(&[])
    };
    let of = |module: &str| of_module(sites, module, |site| site.features().is_some());
    let own = of(&change.module);
    let around = change.module.rsplit_once('.').map(|(around, _)| of(around)).unwrap_or_default();
    let candidates = if own.is_empty() { &around } else { &own };
    let fitting: Vec<&Site> = candidates.iter().copied().filter(|site| fits(site)).collect();
    if fitting.is_empty() {
        let Some(other) = own.first() else { return Ok(None) };
        let [inputs, outputs] = wanted;
        let kind = if change.embedding { "a table" } else { "a weight" };
        let message = format!(
            "adapter `{}` changes {kind} of {inputs} inputs and {outputs} outputs in `{}`, but `{}` has one of {:?}",
            adapter.name,
            change.module,
            other.name(),
            other.sizes
        );
        return Err(Diagnostic::error(codes::ADAPTER_SIZES, message)
            .help("use the adapter with the model that it was trained for"));
    }
    one_module(adapter, &change.module, fitting).map(Some)
}

fn of_replacement<'a>(
    adapter: &Adapter,
    replacement: &Replacement,
    sites: &'a [Site],
) -> Result<Option<Vec<&'a Site>>, Diagnostic> {
    let Some((module, parameter)) = replacement.parameter.rsplit_once('.') else { return Ok(None) };
    let roles: &[Role] = match parameter {
        "weight" => &[Role::Matrix, Role::Table, Role::Filters, Role::Scale],
        "bias" => &[Role::Bias],
        _ => &[],
    };
    let own = of_module(sites, module, |site| roles.contains(&site.role));
    let given = replacement.matrix.sizes();
    let fits = |site: &&Site| match site.role {
        Role::Matrix => given.iter().rev().eq(&site.sizes),
        Role::Table | Role::Filters => given == site.sizes,
        Role::Scale | Role::Bias => given.len() == 1 && given[0] == site.sizes.iter().product::<usize>(),
    };
    let fitting: Vec<&Site> = own.iter().copied().filter(fits).collect();
    if fitting.is_empty() {
        let Some(other) = own.first() else { return Ok(None) };
        let message = format!(
            "adapter `{}` replaces `{}` with {}, but that of `{}` is {:?}",
            adapter.name,
            replacement.parameter,
            replacement.matrix.fact,
            other.name(),
            other.sizes
        );
        return Err(Diagnostic::error(codes::ADAPTER_SIZES, message)
            .help("use the adapter with the model that it was trained for"));
    }
    one_module(adapter, &replacement.parameter, fitting).map(Some)
}

/// The sites of a module: those that have the whole name, else those whose names end with it.
fn of_module<'a>(sites: &'a [Site], module: &str, which: impl Fn(&Site) -> bool) -> Vec<&'a Site> {
    let all: Vec<&Site> = sites.iter().filter(|site| which(site) && site.is_of(module)).collect();
    let whole: Vec<&Site> = all.iter().copied().filter(|site| site.modules.contains(module)).collect();
    if whole.is_empty() { all } else { whole }
}

/// The sites, if they are uses of one parameter.
fn one_module<'a>(adapter: &Adapter, name: &str, sites: Vec<&'a Site>) -> Result<Vec<&'a Site>, Diagnostic> {
    let Some(other) = sites.iter().find(|site| site.value != sites[0].value || site.modules != sites[0].modules) else {
        return Ok(sites);
    };
    let several = match other.name() == sites[0].name() {
        true => format!("`{}` uses several parameters of that size", other.name()),
        false => format!("`{}` and `{}` end with that name", sites[0].name(), other.name()),
    };
    let message = format!("adapter `{}` changes `{name}`, which may be several: {several}", adapter.name);
    Err(Diagnostic::error(codes::ADAPTER_AMBIGUOUS, message)
        .help("rename the tensors of the adapter to the whole names of the model's modules"))
}

/// Names both sides.
fn homeless(adapter: &Adapter, name: &str, sites: &[Site]) -> Diagnostic {
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let weights = sites.iter().filter(|site| site.features().is_some());
    let (mut near, far): (Vec<&str>, Vec<&str>) = weights.map(Site::name).partition(|site| last(site) == last(name));
    if near.is_empty() {
        near = far;
    }
    near.dedup();
    let more = near.len().saturating_sub(LISTED);
    let listed: Vec<String> = near.iter().take(LISTED).map(|site| format!("`{site}`")).collect();
    let error = Diagnostic::error(
        codes::ADAPTER_HOMELESS,
        format!("adapter `{}` changes `{name}`, which the model does not have", adapter.name),
    );
    match (listed.is_empty(), more) {
        (true, _) => error.help("export the model with node names and module scopes: no weight of it has one"),
        (false, 0) => error.help(format!("the model has {}", listed.join(", "))),
        (false, more) => error.help(format!("the model has {} and {more} more", listed.join(", "))),
    }
}
