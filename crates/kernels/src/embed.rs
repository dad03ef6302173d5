//! Rows of a table by their numbers, and weighted sums of them.

use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector};
use crate::threads::{parallel, parallel_rows, rows_per_task};

/// A task of a scatter takes every so many rows of the table, since common ids lie together; it alone writes them,
/// and goes through all ids in order. Elements worth a task, elements that cost what passing over an id of
/// another task does, and most tasks.
const SHARE: usize = 1 << 14;
const SCAN: usize = 16;
const MOST: usize = 8;

/// `out[n] = table[ids[n]]`: `table [V, C]`, `out [N, C]`.
///
/// # Panics
/// If a row is not in the table or the shapes do not fit.
pub fn gather<E: Float>(table: &[E], c: usize, ids: &[u32], out: &mut [E]) {
    assert_eq!(
        out.len(),
        ids.len() * c,
        "gather: out is [{}, {c}]",
        ids.len()
    );
    parallel_rows(out, c, rows_per_task(c), |first, out| {
        for (out, &id) in out.chunks_exact_mut(c).zip(&ids[first..]) {
            out.copy_from_slice(&table[id as usize * c..][..c]);
        }
    });
}

/// y += weight x
#[inline(always)]
fn axpy<V: Vector>(weight: V::Elem, x: &[V::Elem], y: &mut [V::Elem]) {
    let weight = V::splat(weight);
    for (x, y) in x.chunks(V::LANES).zip(y.chunks_mut(V::LANES)) {
        weight.mul_add(V::read(x), V::read(y)).write(y);
    }
}

/// Adds to the rows of a table that fall to one task, going through all items in order.
struct Scatter<'a, E, I> {
    items: I,
    dy: &'a [E],
    c: usize,
    table: &'a Shared<'a, E>,
    rows: usize,
    task: usize,
    /// A power of two.
    tasks: usize,
}

impl<E: Float, I: Iterator<Item = (u32, E, usize)>> Kernel<E> for Scatter<'_, E, I> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let c = self.c;
        for (id, weight, row) in self.items {
            let id = id as usize;
            if id & (self.tasks - 1) != self.task {
                continue;
            }
            assert!(
                id < self.rows,
                "scatter: row {id} of a table of {}",
                self.rows
            );
            // SAFETY: a row falls to one task alone.
            let to = unsafe { self.table.part(id * c, c) };
            axpy::<V>(weight, &self.dy[row * c..][..c], to);
        }
    }
}

/// Adds `weight dy[row]` to row `id` of `table [V, C]` for each of `items` (id, weight, row), in order.
fn scatter<E: Float>(
    items: impl Iterator<Item = (u32, E, usize)> + Clone + Sync,
    count: usize,
    dy: &[E],
    c: usize,
    table: &mut [E],
) {
    if c == 0 {
        return;
    }
    let rows = table.len() / c;
    let worth = (count * c / SHARE).min(c / SCAN);
    let tasks = worth.clamp(1, MOST).next_power_of_two();
    let table = &Shared::new(table);
    parallel(tasks, |task| {
        E::dispatch(Scatter {
            items: items.clone(),
            dy,
            c,
            table,
            rows,
            task,
            tasks,
        });
    });
}

/// `table[ids[n]] += dy[n]`: `dy [N, C]`, `table [V, C]`.
///
/// # Panics
/// If a row is not in the table or the shapes do not fit.
pub fn scatter_add<E: Float>(ids: &[u32], dy: &[E], c: usize, table: &mut [E]) {
    assert_eq!(
        dy.len(),
        ids.len() * c,
        "scatter_add: dy is [{}, {c}]",
        ids.len()
    );
    let items = ids.iter().enumerate().map(|(row, &id)| (id, E::ONE, row));
    scatter(items, ids.len(), dy, c, table);
}

/// Some of the rows of [`bag`].
struct Bag<'a, E> {
    table: &'a [E],
    c: usize,
    ids: &'a [u32],
    weights: &'a [E],
    offsets: &'a [usize],
    out: &'a mut [E],
}

impl<E: Float> Kernel<E> for Bag<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let c = self.c;
        for (out, ends) in self.out.chunks_exact_mut(c).zip(self.offsets.windows(2)) {
            out.fill(E::ZERO);
            let items = ends[0]..ends[1];
            for (&id, &weight) in self.ids[items.clone()].iter().zip(&self.weights[items]) {
                axpy::<V>(weight, &self.table[id as usize * c..][..c], out);
            }
        }
    }
}

/// `out[b] = sum of weights[i] table[ids[i]]` over `i` in `offsets[b] .. offsets[b + 1]`: `table [V, C]`,
/// `out [B, C]`, `offsets [B + 1]`.
///
/// # Panics
/// If a row is not in the table or the shapes do not fit.
pub fn bag<E: Float>(
    table: &[E],
    c: usize,
    ids: &[u32],
    weights: &[E],
    offsets: &[usize],
    out: &mut [E],
) {
    let b = offsets.len() - 1;
    assert!(
        out.len() == b * c && ids.len() == weights.len(),
        "bag: out is [{b}, {c}], a weight an id"
    );
    parallel_rows(
        out,
        c,
        rows_per_task(ids.len() / b.max(1) * c),
        |first, out| {
            let bags = out.len() / c;
            let offsets = &offsets[first..=first + bags];
            E::dispatch(Bag {
                table,
                c,
                ids,
                weights,
                offsets,
                out,
            });
        },
    );
}

/// `table[ids[i]] += weights[i] dy[b]` for `i` in `offsets[b] .. offsets[b + 1]`: the gradient of [`bag`].
///
/// # Panics
/// If a row is not in the table or the shapes do not fit.
pub fn bag_backward<E: Float>(
    ids: &[u32],
    weights: &[E],
    offsets: &[usize],
    dy: &[E],
    c: usize,
    table: &mut [E],
) {
    let b = offsets.len() - 1;
    assert!(
        dy.len() == b * c && ids.len() == weights.len(),
        "bag: dy is [{b}, {c}], a weight an id"
    );
    // The bag of each item: the tasks pass over the items several times.
    let mut bags = Buffer::<u32>::scratch(ids.len());
    for (bag, ends) in offsets.windows(2).enumerate() {
        bags[ends[0]..ends[1]].fill(bag as u32);
    }
    let items = ids[offsets[0]..offsets[b]]
        .iter()
        .zip(&weights[offsets[0]..])
        .zip(&bags[offsets[0]..]);
    let items = items.map(|((&id, &weight), &bag)| (id, weight, bag as usize));
    scatter(items, ids.len(), dy, c, table);
}
