//! Rows of a table by their numbers, and weighted sums of them.

use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector};
use crate::threads::{parallel, parallel_rows, rows_per_task};

/// Columns a task of a scatter takes: it alone writes them, going through all ids in order.
const COLUMNS: usize = 32;

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
struct Axpy<'a, E>(E, &'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for Axpy<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let weight = V::splat(self.0);
        for (x, y) in self.1.chunks(V::LANES).zip(self.2.chunks_mut(V::LANES)) {
            weight.mul_add(V::read(x), V::read(y)).write(y);
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
    let rows = table.len().checked_div(c).unwrap_or(0);
    let width = if count * c < 1 << 14 {
        c.max(1)
    } else {
        COLUMNS
    };
    let table = Shared::new(table);
    parallel(c.div_ceil(width), |task| {
        let first = task * width;
        let live = width.min(c - first);
        for (id, weight, row) in items.clone() {
            assert!(
                (id as usize) < rows,
                "scatter: row {id} of a table of {rows}"
            );
            // SAFETY: each task writes its own columns.
            let to = unsafe { table.part(id as usize * c + first, live) };
            E::dispatch(Axpy(weight, &dy[row * c + first..][..live], to));
        }
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
            for (i, out) in out.chunks_exact_mut(c).enumerate() {
                out.fill(E::ZERO);
                let items = offsets[first + i]..offsets[first + i + 1];
                for (&id, &weight) in ids[items.clone()].iter().zip(&weights[items]) {
                    E::dispatch(Axpy(weight, &table[id as usize * c..][..c], out));
                }
            }
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
    let items = (0..b)
        .flat_map(|bag| (offsets[bag]..offsets[bag + 1]).map(move |i| (ids[i], weights[i], bag)));
    scatter(items, ids.len(), dy, c, table);
}
