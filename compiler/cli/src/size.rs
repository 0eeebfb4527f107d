//! Sizes on the command line, and the values of symbols that follow from them and from given arrays.

use crate::ports;
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_compiler::project::DimSetting;
use m4c_format::GuardKind;
use m4c_format::description::Symbol;
use m4c_format::expression;
use m4c_runtime::{Artifact, Bounds, Program, StateBounds};
use std::collections::BTreeMap;

/// `NAME=VALUE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) name: String,
    pub(crate) value: i64,
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, as in batch=4")?;
        let value = value.trim().parse().ok().filter(|value| *value >= 0);
        let value = value.ok_or("the value must be a number that is not negative, as in batch=4")?;
        match name.trim() {
            "" => Err("expected NAME=VALUE, as in batch=4".into()),
            name => Ok(Size { name: name.into(), value }),
        }
    }
}

/// Reads all `--dim` of a compilation.
pub(crate) fn settings(texts: &[String]) -> Result<Vec<DimSetting>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let settings = texts.iter().filter_map(|text| diagnostics.take(text.parse())).collect();
    diagnostics.finish(settings).map(|(settings, _)| settings)
}

/// A symbol and its range, `batch = 1..8`.
pub(crate) fn describe_symbol(symbol: &Symbol) -> String {
    let high = if symbol.high == i64::MAX { String::new() } else { symbol.high.to_string() };
    let step = if symbol.step == 1 { String::new() } else { format!(":{}", symbol.step) };
    format!("{} = {}..{high}{step}", symbol.name, symbol.low)
}

/// Values of a program's symbols, as far as they are known.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    program: Program<'a>,
    values: BTreeMap<usize, i64>,
}

impl<'a> Known<'a> {
    /// Only the symbols that have a single value.
    pub(crate) fn new(program: Program<'a>) -> Known<'a> {
        let symbols = program.tables().symbols().iter().enumerate();
        let fixed = symbols.filter(|(_, symbol)| symbol.low == symbol.high);
        let values = fixed.map(|(index, symbol)| (index, symbol.low)).collect();
        Known { program, values }
    }

    /// Adds values by name.
    pub(crate) fn give(&mut self, sizes: &[Size]) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        for size in sizes {
            match self.program.symbol(&size.name) {
                Ok(index) => {
                    self.values.insert(index, size.value);
                }
                Err(_) => diagnostics.push(unknown_symbol(&self.program, &size.name)),
            }
        }
        diagnostics.finish(()).map(|_| ())
    }

    /// Adds what the shape of an input determines. What does not fit is found when sizes are bound.
    pub(crate) fn learn(&mut self, input: usize, shape: &[usize]) {
        let Some(port) = ports::inputs(&self.program).get(input).copied() else { return };
        for (&expr, &size) in port.dims.iter().zip(shape) {
            let affine = expression::affine(self.program.tables().expr(expr));
            let solved = affine.and_then(|affine| {
                let product = i64::try_from(size).ok()?.checked_sub(affine.offset)?;
                let value = product.checked_div(affine.scale)?;
                (product % affine.scale == 0).then_some((affine.symbol as usize, value))
            });
            if let Some((symbol, value)) = solved {
                self.values.entry(symbol).or_insert(value);
            }
        }
    }

    /// Adds what guards of the form `symbol = expression` determine.
    pub(crate) fn infer(&mut self) {
        let tables = self.program.tables();
        // Each round adds a symbol, so there are no more rounds than symbols.
        for _ in tables.symbols() {
            for guard in tables.guards().iter().filter(|guard| guard.kind == GuardKind::Equal) {
                for (to, from) in [(guard.left, guard.right), (guard.right, guard.left)] {
                    let symbol = expression::bare_symbol(tables.expr(to));
                    if let (Some(symbol), Some(value)) = (symbol, self.value(from)) {
                        self.values.entry(symbol as usize).or_insert(value);
                    }
                }
            }
        }
    }

    /// The shape of an input, or the names of the symbols that are missing for it.
    pub(crate) fn shape(&self, input: usize) -> Result<Vec<usize>, Vec<&'a str>> {
        let Some(port) = ports::inputs(&self.program).get(input).copied() else { return Ok(Vec::new()) };
        let mut missing = Vec::new();
        let mut shape = Vec::new();
        for &expr in port.dims.iter() {
            let symbols =
                self.program.tables().expr(expr).iter().filter_map(|step| {
                    expression::bare_symbol(std::slice::from_ref(step)).map(|symbol| symbol as usize)
                });
            missing.extend(symbols.filter(|symbol| !self.values.contains_key(symbol)));
            shape.extend(self.value(expr).and_then(|size| usize::try_from(size).ok()));
        }
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() && shape.len() == port.dims.len() {
            return Ok(shape);
        }
        let symbols = self.program.tables().symbols();
        Err(missing.into_iter().filter_map(|index| Some(&*symbols.get(index)?.name)).collect())
    }

    /// Bounds that just hold these values.
    pub(crate) fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::of(&self.program);
        for (&index, &value) in &self.values {
            if let Some(symbol) = self.program.tables().symbols().get(index) {
                // A value outside its range is reported where sizes are bound, with the input that has it.
                let _ = bounds.at_most(&self.program, &symbol.name, value.max(symbol.low));
            }
        }
        bounds
    }

    /// Bounds of states that just hold what the program reads and writes; nothing for the states of other programs.
    pub(crate) fn state_bounds(&self) -> StateBounds<'a> {
        let artifact = self.program.artifact();
        let mut most: BTreeMap<&str, i64> = BTreeMap::new();
        for axis in artifact.states().iter().flat_map(|state| &state.axes).filter(|axis| !axis.name.is_empty()) {
            most.entry(&axis.name).or_insert(0);
        }
        for used in self.program.states() {
            let Some(state) = artifact.states().get(used.state as usize) else { continue };
            for port in [&used.read, &used.write].into_iter().flatten() {
                for (axis, &expr) in state.axes.iter().zip(port.dims.iter()).filter(|(axis, _)| !axis.name.is_empty()) {
                    let most = most.entry(&axis.name).or_insert(0);
                    *most = (*most).max(self.value(expr).unwrap_or(0));
                }
            }
        }
        let mut bounds = StateBounds::new();
        for (name, most) in most {
            // A size above the largest one is reported where it is set or bound.
            let _ = bounds.at_most(artifact, name, most);
        }
        bounds
    }

    fn value(&self, expr: u32) -> Option<i64> {
        let tables = self.program.tables();
        let symbols: Vec<i64> =
            (0..tables.symbols().len()).map(|index| self.values.get(&index).copied().unwrap_or(0)).collect();
        let steps = tables.expr(expr);
        let known = steps.iter().all(|step| {
            let symbol = expression::bare_symbol(std::slice::from_ref(step));
            symbol.is_none_or(|symbol| self.values.contains_key(&(symbol as usize)))
        });
        if known { expression::evaluate(steps, &symbols).ok() } else { None }
    }
}

/// Bounds of the artifact's states with these largest values. Names that no axis of a state has are left out.
pub(crate) fn states_bounded<'a>(
    mut bounds: StateBounds<'a>,
    artifact: &'a Artifact<'_>,
    given: &[Size],
) -> Result<StateBounds<'a>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    for size in given.iter().filter(|size| has_axis(artifact, &size.name)) {
        if bounds.at_most(artifact, &size.name, size.value).is_err() {
            let message = format!("--bound {}={} is more than the model allows", size.name, size.value);
            diagnostics.push(Diagnostic::error(codes::DIM_OUT_OF_RANGE, message));
        }
    }
    diagnostics.finish(bounds).map(|(bounds, _)| bounds)
}

/// Whether a state of the artifact has a bound of this name.
pub(crate) fn has_axis(artifact: &Artifact<'_>, name: &str) -> bool {
    artifact.states().iter().flat_map(|state| &state.axes).any(|axis| !axis.name.is_empty() && axis.name == name)
}

/// Bounds with these largest values.
pub(crate) fn bounded(mut bounds: Bounds, program: &Program<'_>, given: &[Size]) -> Result<Bounds, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    for size in given {
        if program.symbol(&size.name).is_err() && has_axis(program.artifact(), &size.name) {
            continue;
        }
        let Ok(index) = program.symbol(&size.name) else {
            diagnostics.push(unknown_symbol(program, &size.name));
            continue;
        };
        if bounds.at_most(program, &size.name, size.value).is_err()
            && let Some(symbol) = program.tables().symbols().get(index)
        {
            let message = format!("--bound {}={} is not within {}", size.name, size.value, describe_symbol(symbol));
            diagnostics.push(Diagnostic::error(codes::DIM_OUT_OF_RANGE, message));
        }
    }
    diagnostics.finish(bounds).map(|(bounds, _)| bounds)
}

fn unknown_symbol(program: &Program<'_>, name: &str) -> Diagnostic {
    let names: Vec<&str> = program.tables().symbols().iter().map(|symbol| &*symbol.name).collect();
    let message = format!("program `{}` has no dimension `{name}`", program.name());
    Diagnostic::error(codes::DIM_UNKNOWN, message).help(if names.is_empty() {
        "all of its sizes are fixed".to_owned()
    } else {
        format!("its dimensions are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let size = |text: &str| text.parse::<Size>();
        assert_eq!(size("batch=4"), Ok(Size { name: "batch".into(), value: 4 }));
        for wrong in ["", "batch", "=4", "batch=", "batch=x", "batch=-1", "batch=1..2"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_wrong_settings_are_reported() {
        let texts = ["a=1", "b", "c=x"].map(String::from);
        assert_eq!(settings(&texts).unwrap_err().len(), 2);
        assert_eq!(settings(&texts[..1]).unwrap().len(), 1);
    }
}
