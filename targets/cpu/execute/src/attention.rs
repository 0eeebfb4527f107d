//! `attention_f32`: softmax(q · kᵀ · scale + mask) · v, some rows of queries and some keys at a time, so that the
//! scores never leave the cache.
//!
//! Operands: `q`, `k`, `v`, optional `mask` (`f32` that is added, or `bool` that is false where a key is hidden),
//! `scale` (one element), optional `softcap` (one element). Parameters: `batch`, `heads`, `shared` heads of k and v,
//! `queries`, `keys`, `width` of q and k, `depth` of v; `causal` (0 or 1) and how many keys come `before` that of the
//! first query; `guarded` (0 or 1); `order` of the result, 0 for `[batch, heads, queries, depth]`, 1 for
//! `[batch, queries, heads, depth]`, 2 for `[queries, batch, heads, depth]`; then for each of q, k and v where its first
//! element lies and how far apart its neighbors are along batch, heads, positions and width.
//!
//! Each of k and v lies element by element along one of its last two axes, and q along its last. Hidden keys get the
//! lowest number as their score: a row of which all keys are hidden weighs all alike. Weights that are not numbers, such
//! as those of a row whose scores are all minus infinity, count as 0 where guarded. Sums of weights are accumulated in
//! f64.

use crate::element::{Bool, Element, F32};
use crate::epilogue::Epilogue;
use crate::gemm::{Columns, Product, Rows, Size, multiply_here};
use crate::isa::{Body, Isa, Vector};
use crate::lie::Lie;
use crate::math::{exp, larger, tanh};
use crate::matmul_ordered::{Level, Upright};
use crate::step::{count, operand, present, read, read_optional, require, result, scratch, write};
use crate::tiles::{Grid, Tile, share};
use core::ops::Range;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads, Work};

/// Most rows of queries that meet the keys together.
const TILE_ROWS: usize = 384;
/// Most keys that they meet at a time.
const BLOCK: usize = 288;
/// Independent accumulators along a row of scores.
const LANES: usize = 16;

/// The kernel.
pub(crate) struct Attention;

struct Plan {
    batch: usize,
    heads: usize,
    /// Heads of q that share one of k and v.
    sharing: usize,
    queries: usize,
    keys: usize,
    width: usize,
    depth: usize,
    /// How many keys the first query sees, where later ones are hidden.
    seen: Option<i64>,
    /// Whether weights that are not numbers count as 0.
    guarded: bool,
    order: Order,
    lie: [Lie<4>; 3],
    /// How far apart neighbors in the mask are.
    mask: [usize; 4],
}

#[derive(Clone, Copy)]
enum Order {
    HeadsOutside,
    QueriesOutsideHeads,
    QueriesOutside,
}

impl Lie<4> {
    fn at(&self, batch: usize, head: usize) -> usize {
        self.first + batch * self.steps[0] + head * self.steps[1]
    }

    /// A matrix of `rows` × `cols` of which rows or columns lie element by element. Rows lie along `axis`.
    fn matrix<'a>(&self, data: &'a [f32], at: usize, axis: usize, sizes: [usize; 2]) -> Option<Matrix<'a>> {
        let (down, across) = (self.steps[axis], self.steps[5 - axis]);
        let data = data.get(at..).unwrap_or(&[]);
        let [rows, cols] = sizes;
        if across == 1 || cols <= 1 {
            return Some(Matrix::Level(Level { matrix: data, distance: down }));
        }
        (down == 1 || rows <= 1).then_some(Matrix::Upright(Upright { matrix: data, distance: across }))
    }
}

fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
    require(step.operands.len() == 6 && step.params.len() == 26)?;
    let (sizes, lies) = step.params.split_at(11);
    let number = |index: usize| usize::try_from(sizes[index]).map_err(|_| Code::BadStep);
    let [batch, heads, shared, queries, keys, width, depth] =
        [number(0)?, number(1)?, number(2)?, number(3)?, number(4)?, number(5)?, number(6)?];
    require(shared > 0 && heads.is_multiple_of(shared))?;
    let seen = match sizes[7] {
        0 => None,
        1 => Some(sizes[8].checked_add(1).ok_or(Code::BadStep)?),
        _ => return Err(Code::BadStep),
    };
    let guarded = match sizes[9] {
        0 => false,
        1 => true,
        _ => return Err(Code::BadStep),
    };
    let order = match sizes[10] {
        0 => Order::HeadsOutside,
        1 => Order::QueriesOutsideHeads,
        2 => Order::QueriesOutside,
        _ => return Err(Code::BadStep),
    };
    let all = [batch, heads, queries, depth].iter().try_fold(1usize, |product, size| product.checked_mul(*size));
    require(all == Some(count(&result(step, F32::DTYPE)?)))?;
    // The sizes that no operand has must not overflow either.
    require([queries, keys, width, depth].iter().all(|size| *size <= isize::MAX as usize / 16))?;
    let mut lie = [Lie { first: 0, steps: [0; 4] }; 3];
    let shapes = [[batch, heads, queries, width], [batch, shared, keys, width], [batch, shared, keys, depth]];
    for (index, (lie, sizes)) in lie.iter_mut().zip(shapes).enumerate() {
        let elements = count(&operand(step, index, F32::DTYPE)?);
        *lie = Lie::new(&lies[5 * index..][..5], sizes, elements)?;
    }
    let [q, k, v] = &lie;
    // Keys that lie in one place would be many without any memory.
    require(keys <= 1 || [k, v].iter().all(|lie| lie.steps[2] > 0))?;
    require(q.steps[3] == 1 || width <= 1)?;
    require(k.matrix(&[], 0, 3, [width, keys]).is_some() && v.matrix(&[], 0, 2, [keys, depth]).is_some())?;
    let mut mask = [0; 4];
    if let Some(shape) = present(step, 3) {
        let dims =
            if shape.dtype == Bool::DTYPE { operand(step, 3, Bool::DTYPE)? } else { operand(step, 3, F32::DTYPE)? };
        let lead = 4usize.checked_sub(dims.len()).ok_or(Code::BadStep)?;
        let mut distance = 1;
        for axis in (0..dims.len()).rev() {
            require(dims[axis] == 1 || dims[axis] == [batch, heads, queries, keys][lead + axis])?;
            mask[lead + axis] = if dims[axis] == 1 { 0 } else { distance };
            distance *= dims[axis].max(1);
        }
    }
    require(count(&operand(step, 4, F32::DTYPE)?) == 1)?;
    if present(step, 5).is_some() {
        require(count(&operand(step, 5, F32::DTYPE)?) == 1)?;
    }
    Ok(Plan { batch, heads, sharing: heads / shared, queries, keys, width, depth, seen, guarded, order, lie, mask })
}

impl Plan {
    fn rows(&self) -> usize {
        self.queries.min(TILE_ROWS)
    }

    /// Keys that are met at a time: equal parts, so that the last one is not a sliver.
    fn block(&self) -> usize {
        self.keys.div_ceil(self.keys.div_ceil(BLOCK).max(1)).next_multiple_of(LANES).min(self.keys)
    }

    fn scores(&self) -> Size {
        Size { groups: 1, rows: self.rows(), cols: self.block(), k: self.width }
    }

    fn weighted(&self) -> Size {
        Size { groups: 1, rows: self.rows(), cols: self.depth, k: self.block() }
    }

    /// Numbers of working memory of the products in a tile.
    fn product_space(&self) -> usize {
        self.scores().block().max(self.weighted().block())
    }

    /// Numbers of working memory of one job: the products', scores, a part of the result, and two numbers a row.
    fn piece(&self) -> usize {
        let per_row = self.block().saturating_add(self.depth).saturating_add(2);
        self.product_space().saturating_add(self.rows().saturating_mul(per_row))
    }

    /// The rows of one head of one batch, cut for the threads. Its columns are those of one head.
    fn grid(&self, threads: usize) -> Grid {
        let &Plan { batch, heads, queries, depth, .. } = self;
        let parts = queries.div_ceil(TILE_ROWS).max(1);
        let heads_of_all = batch.saturating_mul(heads).max(1);
        let wanted = threads.saturating_mul(3).div_ceil(heads_of_all);
        let parts = if threads > 1 { parts.max(wanted.min(queries.div_ceil(12))) } else { parts };
        let tile_rows = queries.div_ceil(parts.max(1)).next_multiple_of(12).min(TILE_ROWS).min(queries.max(1));
        let (groups, cols) = match self.order {
            Order::HeadsOutside => (heads_of_all, depth),
            Order::QueriesOutsideHeads => (batch, heads.saturating_mul(depth)),
            Order::QueriesOutside => (1, heads_of_all.saturating_mul(depth)),
        };
        Grid { groups, rows: queries, cols, tile_rows, tile_cols: depth }
    }

    /// The batch and the head of a tile.
    fn place(&self, group: usize, col: usize) -> (usize, usize) {
        let column = col / self.depth.max(1);
        match self.order {
            Order::HeadsOutside => (group / self.heads, group % self.heads),
            Order::QueriesOutsideHeads => (group, column),
            Order::QueriesOutside => (column / self.heads, column % self.heads),
        }
    }
}

impl Kernel for Attention {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        plan(step).map_or(0, |plan| plan.piece().saturating_mul(4).saturating_mul(threads.max(1)))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = plan(step)?;
        let mask = match present(step, 3) {
            None => Mask::None,
            Some(shape) if shape.dtype == Bool::DTYPE => Mask::Shown(read(step, data.operands, 3)?),
            Some(_) => Mask::Added(read(step, data.operands, 3)?),
        };
        let softcap: Option<&[f32]> = read_optional(step, data.operands, 5)?;
        let inputs = Inputs {
            q: read(step, data.operands, 0)?,
            k: read(step, data.operands, 1)?,
            v: read(step, data.operands, 2)?,
            mask,
            scale: read::<f32>(step, data.operands, 4)?[0],
            softcap: softcap.map(|cap| cap[0]),
        };
        compute(Isa::best(), &plan, &inputs, write(step, data.results)?, scratch(data.scratch)?, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        let operations = plan(step).map_or(0, |plan| {
            let sizes = [plan.batch, plan.heads, plan.queries, plan.keys, plan.width.saturating_add(plan.depth), 2];
            sizes.into_iter().fold(1, |product: u64, size| product.saturating_mul(size as u64))
        });
        Work { operations, ..Work::moving(step) }
    }
}

fn compute(
    isa: Isa,
    plan: &Plan,
    inputs: &Inputs<'_>,
    out: &mut [f32],
    scratch: &mut [f32],
    threads: &dyn Threads,
) -> Result<(), Code> {
    share(threads, out, plan.grid(threads.count()), scratch, plan.piece(), |tile, scratch| {
        isa.run(Queries { isa, plan, inputs, tile, scratch });
    })
}

struct Inputs<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    mask: Mask<'a>,
    scale: f32,
    softcap: Option<f32>,
}

#[derive(Clone, Copy)]
enum Mask<'a> {
    None,
    Added(&'a [f32]),
    Shown(&'a [u8]),
}

/// Some rows of one head.
struct Queries<'a> {
    isa: Isa,
    plan: &'a Plan,
    inputs: &'a Inputs<'a>,
    tile: Tile<'a, f32>,
    scratch: &'a mut [f32],
}

impl Body for Queries<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Queries { isa, plan, inputs, mut tile, scratch } = self;
        let rows = tile.rows;
        let (batch, head) = plan.place(tile.group, tile.col);
        let shared = head / plan.sharing;
        let [q, k, v] = &plan.lie;
        let at_q = q.at(batch, head) + tile.row * q.steps[2];
        let queries = Spread { data: inputs.q.get(at_q..).unwrap_or(&[]), distance: q.steps[2] };
        let (space, rest) = scratch.split_at_mut(plan.product_space());
        let (scores, rest) = rest.split_at_mut(plan.rows() * plan.block());
        let (part, rest) = rest.split_at_mut(plan.rows() * plan.depth);
        let (largest, sums) = rest.split_at_mut(plan.rows());
        for row in 0..rows {
            tile.row_mut(row).fill(0.0);
        }
        largest.fill(f32::NEG_INFINITY);
        sums.fill(0.0);
        for start in (0..plan.keys).step_by(plan.block().max(1)) {
            let keys = start..(start + plan.block()).min(plan.keys);
            let scores = &mut scores[..rows * keys.len()];
            let size = Size { groups: 1, rows, cols: keys.len(), k: plan.width };
            let at = k.at(batch, shared) + start * k.steps[2];
            let Some(columns) = k.matrix(inputs.k, at, 3, [plan.width, keys.len()]) else { return };
            let product = Product { rows: queries, columns, epilogue: Epilogue::NONE };
            multiply_here::<F32, _, _>(isa, &size, &product, Tile::over(scores, rows, keys.len()), space);
            for row in 0..rows {
                let scores = &mut scores[row * keys.len()..][..keys.len()];
                bend(plan, inputs, [batch, head, tile.row + row], keys.start, scores);
                let shrunk = weigh(scores, &mut largest[row], &mut sums[row]);
                // NaN must spread, too.
                if start > 0 && shrunk != 1.0 {
                    tile.row_mut(row).iter_mut().for_each(|out| *out *= shrunk);
                }
            }
            let size = Size { groups: 1, rows, cols: plan.depth, k: keys.len() };
            let weights = Spread { data: scores, distance: keys.len() };
            let at = v.at(batch, shared) + start * v.steps[2];
            let Some(columns) = v.matrix(inputs.v, at, 2, [keys.len(), plan.depth]) else { return };
            let product = Product { rows: weights, columns, epilogue: Epilogue::NONE };
            let part = &mut part[..rows * plan.depth];
            multiply_here::<F32, _, _>(isa, &size, &product, Tile::over(part, rows, plan.depth), space);
            for (row, part) in part.chunks_exact(plan.depth.max(1)).enumerate() {
                tile.row_mut(row).iter_mut().zip(part).for_each(|(out, part)| *out += part);
            }
        }
        for (row, &sum) in sums[..rows].iter().enumerate() {
            let out = tile.row_mut(row);
            if plan.guarded && sum.is_nan() {
                unweighted(plan, inputs.v, v.at(batch, shared), out);
            } else if plan.keys > 0 && !(plan.guarded && sum == 0.0) {
                // Without keys a row is 0, as an empty sum is; guarded, what weights of 0 gave is the result.
                out.iter_mut().for_each(|out| *out /= sum);
            }
        }
    }
}

/// What values give that all weigh 0: NaN where one is not finite.
fn unweighted(plan: &Plan, v: &[f32], at: usize, out: &mut [f32]) {
    let [.., by_key, by_column] = plan.lie[2].steps;
    for (column, out) in out.iter_mut().enumerate() {
        *out = (0..plan.keys).fold(0.0, |sum, key| sum + v[at + key * by_key + column * by_column] * 0.0);
    }
}

/// Scales, bends and masks the scores of one row from a key on.
#[inline(always)]
fn bend(plan: &Plan, inputs: &Inputs<'_>, [batch, head, row]: [usize; 3], first: usize, scores: &mut [f32]) {
    let scale = inputs.scale;
    scores.iter_mut().for_each(|score| *score *= scale);
    if let Some(cap) = inputs.softcap {
        scores.iter_mut().for_each(|score| *score = tanh(*score / cap) * cap);
    }
    let [by_batch, by_head, by_row, by_key] = plan.mask;
    let at = batch * by_batch + head * by_head + row * by_row + first * by_key;
    match inputs.mask {
        Mask::None => {}
        Mask::Added(mask) if by_key == 0 => scores.iter_mut().for_each(|score| *score += mask[at]),
        Mask::Added(mask) => scores.iter_mut().zip(&mask[at..]).for_each(|(score, mask)| *score += mask),
        Mask::Shown(mask) if by_key == 0 => {
            if mask[at] == 0 {
                scores.fill(f32::MIN);
            }
        }
        Mask::Shown(mask) => {
            for (score, shown) in scores.iter_mut().zip(&mask[at..]) {
                *score = if *shown != 0 { *score } else { f32::MIN };
            }
        }
    }
    if let Some(seen) = plan.seen {
        let shown = seen.saturating_add(row as i64).saturating_sub(first as i64);
        let shown = usize::try_from(shown).unwrap_or(0).min(scores.len());
        scores[shown..].fill(f32::MIN);
    }
}

/// Turns scores into weights relative to the largest score so far, and adds them up. Gives what earlier weights shrink
/// by.
#[inline(always)]
fn weigh(scores: &mut [f32], largest: &mut f32, sum: &mut f32) -> f32 {
    let (blocks, rest) = scores.as_chunks_mut::<LANES>();
    // What is left is a block, too, filled up with scores that weigh nothing.
    let mut last = [f32::NEG_INFINITY; LANES];
    last[..rest.len()].copy_from_slice(rest);
    let mut lanes = [*largest; LANES];
    for block in blocks.iter().chain((!rest.is_empty()).then_some(&last)) {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], block[lane]);
        }
    }
    let most = lanes.into_iter().fold(f32::NEG_INFINITY, larger);
    // Minus infinity less itself is no number, though later blocks may have one.
    let base = if most == f32::NEG_INFINITY { 0.0 } else { most };
    let shrunk = exp(*largest - base);
    let mut sums = [0.0f64; LANES];
    for block in blocks.iter_mut().chain((!rest.is_empty()).then_some(&mut last)) {
        block.iter_mut().for_each(|score| *score = exp(*score - base));
        for lane in 0..LANES {
            sums[lane] += f64::from(block[lane]);
        }
    }
    rest.copy_from_slice(&last[..rest.len()]);
    *sum = *sum * shrunk + sums.iter().sum::<f64>() as f32;
    *largest = most;
    shrunk
}

/// Rows that lie so far apart, each element by element.
#[derive(Clone, Copy)]
struct Spread<'a> {
    data: &'a [f32],
    distance: usize,
}

impl Rows<f32> for Spread<'_> {
    #[inline(always)]
    fn block<'a>(&'a self, rows: Range<usize>, k: Range<usize>, _: &'a mut [f32]) -> (&'a [f32], usize) {
        (&self.data[rows.start * self.distance + k.start..(rows.end - 1) * self.distance + k.end], self.distance)
    }
}

/// A matrix of which rows or columns lie element by element.
enum Matrix<'a> {
    Level(Level<'a>),
    Upright(Upright<'a>),
}

impl Columns<f32> for Matrix<'_> {
    #[inline(always)]
    fn panels<'a>(&'a self, k: Range<usize>, cols: Range<usize>, space: &'a mut [f32]) -> (&'a [f32], usize) {
        match self {
            Matrix::Level(matrix) => matrix.panels(k, cols, space),
            Matrix::Upright(matrix) => matrix.panels(k, cols, space),
        }
    }

    #[inline(always)]
    fn row_major(&self) -> Option<(&[f32], usize)> {
        match self {
            Matrix::Level(matrix) => matrix.row_major(),
            Matrix::Upright(matrix) => matrix.row_major(),
        }
    }
}
