//! Names of ports with a star, and the pairing of what they match.

use std::fmt;
use std::str::FromStr;

/// The ports of a program whose names fit a pattern: `decode:past.*`. A star stands for any text; there is one at most.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortPattern {
    /// The program.
    pub program: String,
    /// The pattern of names.
    pub name: String,
}

impl FromStr for PortPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<PortPattern, String> {
        let parts = text.split_once(':').filter(|(program, name)| !program.is_empty() && !name.is_empty());
        let (program, name) = parts.ok_or_else(|| format!("`{text}` is not PROGRAM:NAME, as in decode:past.*"))?;
        if name.matches('*').count() > 1 {
            return Err(format!("`{text}` has more than one star"));
        }
        Ok(PortPattern { program: program.into(), name: name.into() })
    }
}

impl fmt::Display for PortPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.program, self.name)
    }
}

/// A port that a pattern matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Match {
    pub(super) port: String,
    /// What the star stands for; empty without one.
    pub(super) star: String,
}

impl PortPattern {
    /// The ports that fit, in their order.
    pub(super) fn matches<'n>(&self, ports: impl Iterator<Item = &'n str>) -> Vec<Match> {
        let fits = |port: &'n str| match self.name.split_once('*') {
            None => (port == self.name).then_some(""),
            Some((before, after)) => port.strip_prefix(before)?.strip_suffix(after),
        };
        ports.filter_map(|port| Some(Match { port: port.into(), star: fits(port)?.into() })).collect()
    }
}

/// For each of `wanted` the one of `others` that goes with it: the one whose star stands for the same text, where all
/// have one; else the one at the same position, as exporters name the two sides differently but keep the order of layers.
/// `None` where there are not as many.
pub(super) fn pair<'m>(wanted: &[Match], others: &'m [Match]) -> Option<Vec<&'m Match>> {
    if wanted.len() != others.len() {
        return None;
    }
    let same = |wanted: &Match| others.iter().find(|other| other.star == wanted.star);
    Some(wanted.iter().map(same).collect::<Option<Vec<_>>>().unwrap_or_else(|| others.iter().collect()))
}

/// The name that is closest to a pattern, where one is close.
pub(super) fn closest<'n>(pattern: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near = |name: &&'n str| distance(pattern, name);
    names.min_by_key(near).filter(|name| distance(pattern, name) <= pattern.len().max(name.len()) / 2)
}

/// How many letters must be changed, added or removed.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, names: &[&str]) -> Vec<Match> {
        pattern.parse::<PortPattern>().unwrap().matches(names.iter().copied())
    }

    fn ports(matches: &[&Match]) -> Vec<String> {
        matches.iter().map(|found| found.port.clone()).collect()
    }

    #[test]
    fn a_star_stands_for_any_text() {
        let found = matches("p:present.*.key", &["logits", "present.0.key", "present.0.value", "present.10.key"]);
        let stars: Vec<&str> = found.iter().map(|found| &*found.star).collect();
        assert_eq!(stars, ["0", "10"]);
        assert_eq!(matches("p:h", &["h", "h0"]).len(), 1);
        assert_eq!(matches("p:aa*a", &["aa", "aaa"]).len(), 1, "the two ends do not overlap");
        for wrong in ["", "past", ":past", "decode:", "decode:*.*"] {
            assert!(wrong.parse::<PortPattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ports_pair_by_name_and_else_by_order() {
        let past = matches("d:past.*", &["past.1", "past.0"]);
        let named = matches("d:present.*", &["present.0", "present.1"]);
        assert_eq!(ports(&pair(&past, &named).unwrap()), ["present.1", "present.0"]);
        let other = matches("d:present.*", &["present.0.key", "present.0.value"]);
        assert_eq!(ports(&pair(&past, &other).unwrap()), ["present.0.key", "present.0.value"]);
        assert!(pair(&past, &named[..1]).is_none());
    }

    #[test]
    fn near_misses_are_found() {
        let names = ["logits", "present.0.key"];
        assert_eq!(closest("presents.*", names.into_iter()), Some("present.0.key"));
        assert_eq!(closest("x", names.into_iter()), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "ab"), distance("ab", "")), (3, 2, 2));
    }
}
