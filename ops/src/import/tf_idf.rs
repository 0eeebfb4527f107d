//! `TfIdfVectorizer`: how often each of a list of n-grams of numbers stands in a row.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxAttr, OnnxImport, OnnxNode, from};
use crate::tensor::{Data, Tensor};

/// The table of n-grams by places has no more elements.
const LARGEST: usize = 1 << 24;

/// `TfIdfVectorizer`.
pub static IMPORT: &[OnnxImport] = &[from("TfIdfVectorizer", 9, import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let wrong = |name: &str, found: &str| ImportError::Attribute { name: name.into(), found: found.into() };
    let ints = |name: &str| node.ints(name)?.ok_or_else(|| wrong(name, "is missing"));
    let int = |name: &str| node.int(name)?.filter(|n| (0..=64).contains(n)).ok_or_else(|| wrong(name, "is missing"));
    let pool = ints("pool_int64s").map_err(|_| wrong("pool_int64s", "is missing; texts are not supported"))?;
    let (starts, places) = (ints("ngram_counts")?, ints("ngram_indexes")?);
    let (shortest, longest, most_skipped) = (int("min_gram_length")?, int("max_gram_length")?, int("max_skip_count")?);
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let rows = match fact.rank() {
        1 => b.with_axis(x, 0)?,
        2 => x,
        _ => return Err(ImportError::Operand { index: 0, found: format!("is {fact}") }),
    };
    let rows = b.cast(rows, DType::I64)?;
    let batch = b.fact(rows).shape[0].clone();
    let width = b.fact(rows).shape[1].as_i64();
    let width = width.ok_or(ImportError::NotConstant { index: 0, sets: "the length of a row" })?;
    let grams = by_length(&pool, &starts).ok_or_else(|| wrong("ngram_counts", "does not fit the pool"))?;
    let total: usize = grams.iter().map(Vec::len).sum();
    let columns = places.iter().max().map_or(0, |&last| last.clamp(0, i64::MAX - 1) as usize + 1);
    let small = places.len().checked_mul(columns).is_some_and(|elements| elements <= LARGEST);
    if total != places.len() || !small || places.iter().any(|place| *place < 0) {
        return Err(wrong("ngram_indexes", "does not fit the pool"));
    }
    let mut counts = Vec::new();
    for (i, grams) in grams.iter().enumerate().filter(|(_, grams)| !grams.is_empty()) {
        let length = i as i64 + 1;
        let mut sum = b.filled(DType::F32, 0.0, &[batch.clone(), Dim::from(grams.len())])?;
        // One number has no distance to another: it counts once.
        let distances = if length == 1 { 1..=1 } else { 1..=most_skipped + 1 };
        for distance in distances.filter(|_| (shortest..=longest).contains(&length)) {
            let windows = width.saturating_sub((length - 1).saturating_mul(distance));
            if windows > 0 {
                let found = matches(b, rows, grams, distance, windows)?;
                sum = b.add(sum, found)?;
            }
        }
        counts.push(sum);
    }
    if counts.is_empty() {
        return Err(wrong("pool_int64s", "is empty"));
    }
    let counts = b.joined(&counts, 1)?;
    let result = weighted(b, node, counts, &places)?;
    let result = if fact.rank() == 1 { b.without_axis(result, 0)? } else { result };
    Ok(vec![result])
}

/// The n-grams of each length, from 1 on.
fn by_length<'p>(pool: &'p [i64], starts: &[i64]) -> Option<Vec<Vec<&'p [i64]>>> {
    let mut all = Vec::new();
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).map_or(Some(pool.len()), |&end| usize::try_from(end).ok())?;
        let part = pool.get(usize::try_from(start).ok()?..end)?;
        all.push(part.chunks_exact(i + 1).collect());
    }
    Some(all)
}

/// How often each n-gram stands in each row, its numbers so far from each other.
fn matches(
    b: &mut dyn Build,
    rows: Value,
    grams: &[&[i64]],
    distance: i64,
    windows: i64,
) -> Result<Value, ImportError> {
    let length = grams.first().map_or(0, |gram| gram.len());
    let mut same: Option<Value> = None;
    for place in 0..length {
        let start = Dim::from(place as i64 * distance);
        let numbers = b.cut(rows, 1, start, Dim::from(windows))?;
        let numbers = b.with_axis(numbers, 2)?;
        let wanted = b.constant(Tensor::list_i64(grams.iter().map(|gram| gram[place]).collect()));
        let equal = b.equal(numbers, wanted)?;
        same = Some(match same {
            Some(before) => b.and(before, equal)?,
            None => equal,
        });
    }
    let same = same.ok_or_else(|| ImportError::Unsupported("an empty n-gram".into()))?;
    let ones = b.cast(same, DType::F32)?;
    Ok(b.sum(ones, vec![1], false)?)
}

/// Counts at their places, weighted as the mode says.
fn weighted(b: &mut dyn Build, node: &OnnxNode, counts: Value, places: &[i64]) -> Result<Value, ImportError> {
    let columns = places.iter().max().map_or(0, |&last| last as usize + 1);
    let mut matrix = vec![0f32; places.len() * columns];
    for (row, &place) in places.iter().enumerate() {
        matrix[row * columns + place as usize] = 1.0;
    }
    let empty = || ImportError::Attribute { name: "ngram_indexes".into(), found: "is empty".into() };
    let matrix = Tensor::new(vec![places.len(), columns], Data::F32(matrix)).ok_or_else(empty)?;
    let matrix = b.constant(matrix);
    let counts = b.matmul(counts, matrix)?;
    let weights = match node.attrs.get("weights") {
        // The weight of an n-gram belongs to the place where it is counted.
        Some(OnnxAttr::Floats(weights)) if weights.len() == places.len() => {
            let mut by_place = vec![0f32; columns];
            for (&place, &weight) in places.iter().zip(weights) {
                by_place[place as usize] = weight;
            }
            Tensor::new(vec![columns], Data::F32(by_place)).map(|weights| b.constant(weights))
        }
        None => None,
        _ => return Err(ImportError::Attribute { name: "weights".into(), found: "does not fit the pool".into() }),
    };
    let (zero, one) = (b.like(counts, 0.0), b.like(counts, 1.0));
    Ok(match node.text("mode")?.unwrap_or("TF") {
        "TF" => counts,
        "IDF" => {
            let found = b.less(zero, counts)?;
            b.select(found, weights.unwrap_or(one), zero)?
        }
        "TFIDF" => b.mul(counts, weights.unwrap_or(one))?,
        other => return Err(ImportError::Attribute { name: "mode".into(), found: format!("is `{other}`") }),
    })
}
