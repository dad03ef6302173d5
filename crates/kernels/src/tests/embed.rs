//! Rows of a table.

use crate::testing::{Random, SIZES, at_every_level, close, same_bits, written};
use crate::{Float, bag, bag_backward, gather, naive, scatter_add};

const V: usize = 11;

/// Bags of 0 to 4 ids: the first of each, and the number of ids.
fn offsets(random: &mut Random, bags: usize) -> Vec<usize> {
    let mut offsets = vec![0];
    for b in 0..bags {
        offsets.push(offsets[b] + random.below(5));
    }
    offsets
}

fn ids(random: &mut Random, n: usize, v: usize) -> Vec<u32> {
    (0..n).map(|_| random.below(v) as u32).collect()
}

fn all<E: Float>() {
    let mut random = Random::new(12);
    for c in SIZES {
        for n in [0, 1, 13, 300] {
            let table = &random.vec::<E>(V * c + 1)[1..];
            let numbers = ids(&mut random, n, V);
            assert!(
                written(n * c, |out| gather(table, c, &numbers, out))
                    == written(n * c, |out| naive::gather(table, c, &numbers, out))
            );
            let dy = &random.vec::<E>(n * c + 1)[1..];
            close(
                &written(V * c, |table| scatter_add(&numbers, dy, c, table)),
                &written(V * c, |table| naive::scatter_add(&numbers, dy, c, table)),
                100.0,
                "scatter_add",
            );
            let offsets = offsets(&mut random, n);
            let numbers = ids(&mut random, offsets[n], V);
            let weights = random.vec::<E>(offsets[n]);
            close(
                &written(n * c, |out| {
                    bag(table, c, &numbers, &weights, &offsets, out)
                }),
                &written(n * c, |out| {
                    naive::bag(table, c, &numbers, &weights, &offsets, out)
                }),
                100.0,
                "bag",
            );
            close(
                &written(V * c, |t| {
                    bag_backward(&numbers, &weights, &offsets, dy, c, t)
                }),
                &written(V * c, |t| {
                    naive::bag_backward(&numbers, &weights, &offsets, dy, c, t)
                }),
                100.0,
                "bag_backward",
            );
        }
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        all::<f32>();
        all::<f64>();
    });
}

#[test]
fn same_bits_with_any_number_of_threads() {
    let mut random = Random::new(13);
    let (n, c, v) = (1500, 67, 40);
    let offsets = offsets(&mut random, n);
    let numbers = ids(&mut random, offsets[n], v);
    let weights = random.vec::<f32>(offsets[n]);
    let (table, dy) = (random.vec::<f32>(v * c), random.vec::<f32>(n * c));
    same_bits("bag", || {
        written(n * c, |out| {
            bag(&table, c, &numbers, &weights, &offsets, out)
        })
    });
    same_bits("bag_backward", || {
        written(v * c, |t| {
            bag_backward(&numbers, &weights, &offsets, &dy, c, t)
        })
    });
    same_bits("scatter_add", || {
        written(v * c, |t| scatter_add(&numbers[..n], &dy, c, t))
    });
}

#[test]
#[should_panic(expected = "row 5 of a table of 3")]
fn a_row_beyond_the_table_panics() {
    scatter_add(&[0, 5], &[1f32; 4], 2, &mut [0.0; 6]);
}
