//! Sizes as text: the notation of the text form, of the command line and of the names that exporters write.

use super::{Dim, DimView, Symbols};
use std::fmt;

/// Why a text is not a size expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DimSyntax {
    /// What was expected.
    pub expected: &'static str,
    /// Byte offset in the text.
    pub at: usize,
}

impl fmt::Display for DimSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_dim(self, 0, f)
    }
}

/// Writes with the fewest parentheses; `strength` is that of the surrounding operation (0 none, 1 sum, 2 product).
fn write_dim(dim: &Dim, strength: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let list = |name: &str, of: &[Dim], f: &mut fmt::Formatter<'_>| {
        write!(f, "{name}(")?;
        for (i, dim) in of.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write_dim(dim, 0, f)?;
        }
        f.write_str(")")
    };
    match dim.view() {
        DimView::Const(value) if value < 0 && strength > 0 => write!(f, "({value})"),
        DimView::Const(value) => write!(f, "{value}"),
        DimView::Symbol(name) => f.write_str(&name),
        DimView::Min(of) => list("min", &of, f),
        DimView::Max(of) => list("max", &of, f),
        DimView::Add(terms) => {
            let open = strength > 1;
            if open {
                f.write_str("(")?;
            }
            for (i, term) in terms.iter().enumerate() {
                let negated = Dim::from(-1) * term.clone();
                match (i, is_negative(term)) {
                    (0, _) => write_dim(term, 1, f)?,
                    (_, true) => {
                        f.write_str(" - ")?;
                        write_dim(&negated, 1, f)?;
                    }
                    (_, false) => {
                        f.write_str(" + ")?;
                        write_dim(term, 1, f)?;
                    }
                }
            }
            if open { f.write_str(")") } else { Ok(()) }
        }
        DimView::Mul(factors) => {
            let open = strength > 1;
            if open {
                f.write_str("(")?;
            }
            for (i, factor) in factors.iter().enumerate() {
                if i > 0 {
                    f.write_str("*")?;
                }
                write_dim(factor, 2, f)?;
            }
            if open { f.write_str(")") } else { Ok(()) }
        }
        DimView::Div(dividend, divisor) => {
            let open = strength > 1;
            if open {
                f.write_str("(")?;
            }
            write_dim(&dividend, 2, f)?;
            write!(f, "/{divisor}")?;
            if open { f.write_str(")") } else { Ok(()) }
        }
    }
}

/// Whether a term begins with a negative number that its negation does not have.
fn is_negative(term: &Dim) -> bool {
    let first = match term.view() {
        DimView::Mul(factors) => factors.first().and_then(Dim::as_i64),
        _ => term.as_i64(),
    };
    first.is_some_and(|number| number < 0 && number != i64::MIN)
}

impl Dim {
    /// Reads `2*((h - 1)//2) + 2`, `min(seq, 512)`, `past_seq + 1`: Python's precedence; `/` and `//` are the same.
    ///
    /// # Errors
    /// Where the text is no such expression. Nesting is limited, so hostile texts cannot exhaust the stack.
    pub fn parse(text: &str, symbols: &Symbols) -> Result<Dim, DimSyntax> {
        let mut parser = Parser { text: text.as_bytes(), at: 0, depth: 0, symbols };
        let dim = parser.sum()?;
        parser.skip_space();
        if parser.at < parser.text.len() { Err(parser.expected("the end")) } else { Ok(dim) }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    symbols: &'a Symbols,
}

const MAX_DEPTH: usize = 64;

impl Parser<'_> {
    fn expected(&self, expected: &'static str) -> DimSyntax {
        DimSyntax { expected, at: self.at }
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn eat(&mut self, token: u8) -> bool {
        self.skip_space();
        let found = self.text.get(self.at) == Some(&token);
        self.at += usize::from(found);
        found
    }

    fn sum(&mut self) -> Result<Dim, DimSyntax> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.expected("fewer nested parentheses"));
        }
        let mut sum = self.product()?;
        loop {
            if self.eat(b'+') {
                sum = sum + self.product()?;
            } else if self.eat(b'-') {
                sum = sum - self.product()?;
            } else {
                self.depth -= 1;
                return Ok(sum);
            }
        }
    }

    fn product(&mut self) -> Result<Dim, DimSyntax> {
        let mut product = self.atom()?;
        loop {
            if self.eat(b'*') {
                product = product * self.atom()?;
            } else if self.eat(b'/') {
                self.eat(b'/');
                match self.atom()?.as_i64() {
                    Some(divisor) if divisor > 0 => product = product.floor_div(divisor),
                    _ => return Err(self.expected("a positive number to divide by")),
                }
            } else {
                return Ok(product);
            }
        }
    }

    fn atom(&mut self) -> Result<Dim, DimSyntax> {
        if self.eat(b'-') {
            return match self.text.get(self.at) {
                Some(b'0'..=b'9') => self.number("-"),
                _ => Ok(Dim::from(-1) * self.atom_nested()?),
            };
        }
        if self.eat(b'(') {
            let inner = self.sum()?;
            return if self.eat(b')') { Ok(inner) } else { Err(self.expected("`)`")) };
        }
        match self.text.get(self.at) {
            Some(b'0'..=b'9') => self.number(""),
            Some(c) if c.is_ascii_alphabetic() || *c == b'_' => self.name(),
            _ => Err(self.expected("a number, a name or `(`")),
        }
    }

    fn atom_nested(&mut self) -> Result<Dim, DimSyntax> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.expected("fewer signs"));
        }
        let atom = self.atom();
        self.depth -= 1;
        atom
    }

    fn number(&mut self, sign: &str) -> Result<Dim, DimSyntax> {
        let digits: String = self.take(|c| c.is_ascii_digit());
        format!("{sign}{digits}").parse::<i64>().map(Dim::from).map_err(|_| self.expected("a 64-bit number"))
    }

    fn name(&mut self) -> Result<Dim, DimSyntax> {
        let name = self.take(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'.');
        if !self.eat(b'(') {
            return Ok(self.symbols.get(&name));
        }
        let mut of = vec![self.sum()?];
        while self.eat(b',') {
            of.push(self.sum()?);
        }
        if !self.eat(b')') {
            return Err(self.expected("`)`"));
        }
        let fold = |combine: fn(&Dim, &Dim) -> Dim| of[1..].iter().fold(of[0].clone(), |a, b| combine(&a, b));
        match name.as_str() {
            "min" | "Min" => Ok(fold(Dim::minimum)),
            "max" | "Max" => Ok(fold(Dim::maximum)),
            _ => Err(self.expected("`min` or `max`")),
        }
    }

    fn take(&mut self, accept: impl Fn(u8) -> bool) -> String {
        let start = self.at;
        while self.text.get(self.at).copied().is_some_and(&accept) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let symbols = Symbols::default();
        let dim = Dim::parse(text, &symbols).expect(text);
        assert_eq!(dim.to_string(), expect);
        assert_eq!(Dim::parse(expect, &symbols).expect(expect), dim, "{expect} does not read back");
    }

    #[test]
    fn expressions_print_and_read_back() {
        check("past_seq + 1", "past_seq + 1");
        check("2*((h - 1)//2) + 2", "2*((h + 1)/2)");
        check("min(seq, 512)", "min(seq, 512)");
        check("batch*(seq+1)*4", "4*batch + 4*batch*seq");
        check("h - 2*(h//2)", "h - 2*(h/2)");
        check("3 - 4", "-1");
    }

    #[test]
    fn broken_texts_are_refused_with_a_position() {
        for text in ["", "1+", "(1", "a b", "1/0", "1/a", "f(1)", "99999999999999999999", "+"] {
            assert!(Dim::parse(text, &Symbols::default()).is_err(), "{text}");
        }
        assert!(Dim::parse(&"(".repeat(100_000), &Symbols::default()).is_err());
        assert!(Dim::parse(&"-".repeat(100_000), &Symbols::default()).is_err());
    }
}
