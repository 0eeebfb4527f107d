//! Lays buffers out in one arena so that no two overlap while both are alive. The same buffers give the same layout.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::arena::ALIGNMENT;
use crate::error::{Code, Error};

/// Above this many buffers the quadratic search would let a hostile artifact stall the caller.
const EXHAUSTIVE: usize = 8192;

/// A buffer to place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) bytes: usize,
    /// The first and last step of its life, both inclusive.
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// An offset for every item, and the size of the arena.
#[derive(Debug)]
pub(crate) struct Placement {
    pub(crate) offsets: Vec<usize>,
    pub(crate) arena: usize,
}

/// Places all items; empty ones are at 0.
pub(crate) fn place(items: &[Item]) -> Result<Placement, Error> {
    let mut sizes = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let rounded = item.bytes.checked_next_multiple_of(ALIGNMENT);
        sizes.push(rounded.ok_or(Error::at(Code::TooLarge, index as u32))?);
    }
    let full = sizes.iter().filter(|&&size| size > 0).count();
    if full <= EXHAUSTIVE { by_size(items, &sizes) } else { by_time(items, &sizes) }
}

/// Largest first, each at the lowest offset that is free during its whole life.
fn by_size(items: &[Item], sizes: &[usize]) -> Result<Placement, Error> {
    let mut order: Vec<usize> = (0..items.len()).filter(|&index| sizes[index] > 0).collect();
    order.sort_unstable_by_key(|&index| (Reverse(sizes[index]), items[index].first, index));
    let mut placement = Placement { offsets: vec![0; items.len()], arena: 0 };
    // Kept sorted by offset, so that one sweep finds the first gap.
    let mut placed: Vec<usize> = Vec::with_capacity(order.len());
    for index in order {
        let item = &items[index];
        let mut offset = 0usize;
        for &other in &placed {
            let there = placement.offsets[other];
            let apart = items[other].last < item.first || item.last < items[other].first;
            if apart {
                continue;
            }
            if there >= offset && there - offset >= sizes[index] {
                break;
            }
            offset = offset.max(there + sizes[other]);
        }
        let end = offset.checked_add(sizes[index]).ok_or(Error::new(Code::TooLarge))?;
        placement.offsets[index] = offset;
        placement.arena = placement.arena.max(end);
        let slot = placed.partition_point(|&other| placement.offsets[other] <= offset);
        placed.insert(slot, index);
    }
    Ok(placement)
}

/// In the order of first use, each in the smallest free block that holds it.
fn by_time(items: &[Item], sizes: &[usize]) -> Result<Placement, Error> {
    let mut order: Vec<usize> = (0..items.len()).filter(|&index| sizes[index] > 0).collect();
    order.sort_unstable_by_key(|&index| (items[index].first, Reverse(sizes[index]), index));
    let mut offsets = vec![0; items.len()];
    let mut alive: BTreeSet<(u32, usize)> = BTreeSet::new();
    let mut free = FreeBlocks::default();
    for index in order {
        while let Some(&(last, old)) = alive.first()
            && last < items[index].first
        {
            alive.pop_first();
            free.release(offsets[old], sizes[old]);
        }
        offsets[index] = free.take(sizes[index])?;
        alive.insert((items[index].last, index));
    }
    Ok(Placement { offsets, arena: free.end })
}

#[derive(Default)]
struct FreeBlocks {
    by_offset: BTreeMap<usize, usize>,
    by_size: BTreeSet<(usize, usize)>,
    end: usize,
}

impl FreeBlocks {
    fn take(&mut self, size: usize) -> Result<usize, Error> {
        let Some(&(found, offset)) = self.by_size.range((size, 0)..).next() else {
            let offset = self.end;
            self.end = offset.checked_add(size).ok_or(Error::new(Code::TooLarge))?;
            return Ok(offset);
        };
        self.remove(offset, found);
        if found > size {
            self.insert(offset + size, found - size);
        }
        Ok(offset)
    }

    fn release(&mut self, mut offset: usize, mut size: usize) {
        if let Some((&before, &length)) = self.by_offset.range(..offset).next_back()
            && before + length == offset
        {
            self.remove(before, length);
            (offset, size) = (before, size + length);
        }
        if let Some(&length) = self.by_offset.get(&(offset + size)) {
            self.remove(offset + size, length);
            size += length;
        }
        self.insert(offset, size);
    }

    fn insert(&mut self, offset: usize, size: usize) {
        self.by_offset.insert(offset, size);
        self.by_size.insert((size, offset));
    }

    fn remove(&mut self, offset: usize, size: usize) {
        self.by_offset.remove(&offset);
        self.by_size.remove(&(size, offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    fn random_items(state: &mut u64, count: usize) -> Vec<Item> {
        let item = |state: &mut u64| {
            let first = (next(state) % 40) as u32;
            Item { bytes: (next(state) % 5000) as usize, first, last: first + (next(state) % 12) as u32 }
        };
        (0..count).map(|_| item(state)).collect()
    }

    fn assert_sound(items: &[Item], placement: &Placement) {
        for (i, a) in items.iter().enumerate() {
            let a_range = placement.offsets[i]..placement.offsets[i] + a.bytes;
            assert!(a_range.end <= placement.arena && a_range.start % ALIGNMENT == 0);
            for (j, b) in items.iter().enumerate().skip(i + 1) {
                let b_range = placement.offsets[j]..placement.offsets[j] + b.bytes;
                let together = a.first <= b.last && b.first <= a.last;
                let overlap = a_range.start < b_range.end && b_range.start < a_range.end;
                assert!(!(together && overlap && a.bytes > 0 && b.bytes > 0), "{i} and {j} overlap");
            }
        }
    }

    #[test]
    fn no_two_live_buffers_overlap() {
        let mut state = 0x9E37_79B9_7F4A_7C15;
        for round in 0..300 {
            let items = random_items(&mut state, 1 + round % 60);
            let sizes: Vec<usize> = items.iter().map(|item| item.bytes.next_multiple_of(ALIGNMENT)).collect();
            let best = by_size(&items, &sizes).expect("small sizes fit");
            assert_sound(&items, &best);
            assert_sound(&items, &by_time(&items, &sizes).expect("small sizes fit"));
            assert_eq!(best.offsets, place(&items).expect("small sizes fit").offsets);
        }
    }

    #[test]
    fn buffers_that_never_meet_share_memory() {
        let items: Vec<Item> = (0..100).map(|step| Item { bytes: 640, first: step, last: step + 1 }).collect();
        assert_eq!(place(&items).expect("small sizes fit").arena, 1280);
    }

    #[test]
    fn sizes_beyond_the_address_space_are_an_error() {
        let items = [Item { bytes: usize::MAX / 2, first: 0, last: 0 }; 3];
        assert_eq!(place(&items).expect_err("too large").code, Code::TooLarge);
        let items = [Item { bytes: usize::MAX, first: 0, last: 0 }];
        assert_eq!(place(&items).expect_err("too large").code, Code::TooLarge);
    }

    #[test]
    fn very_many_buffers_are_placed_quickly() {
        let mut state = 7;
        let items: Vec<Item> = (0..200_000u32)
            .map(|step| Item { bytes: 1 + (next(&mut state) % 999) as usize, first: step, last: step + 3 })
            .collect();
        assert!(place(&items).expect("small sizes fit").arena < 1 << 20);
    }
}
