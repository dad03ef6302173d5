//! Sums.

use crate::testing::{Random, SIZES, at_every_level, close, same_bits, written};
use crate::{Float, column_sums, naive, row_sums, sum, sum_sq};

fn sums<E: Float>() {
    let mut random = Random::new(4);
    for n in SIZES.into_iter().chain([4095, 4096, 4097, 10_007]) {
        let x = &random.vec::<E>(n + 1)[1..];
        close(&[sum(x)], &[naive::sum(x)], 4.0 * (n + 1) as f64, "sum");
        close(&[sum_sq(x)], &[naive::sum_sq(x)], 100.0, "sum_sq");
    }
    for c in SIZES {
        for r in [0, 1, 7, 67] {
            let x = &random.vec::<E>(r * c + 1)[1..];
            for accumulate in [false, true] {
                close(
                    &written(c, |out| column_sums(x, out, accumulate)),
                    &written(c, |out| naive::column_sums(x, out, accumulate)),
                    64.0,
                    "column_sums",
                );
            }
            close(
                &written(r, |out| row_sums(x, c, out)),
                &written(r, |out| naive::row_sums(x, c, out)),
                64.0,
                "row_sums",
            );
        }
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        sums::<f32>();
        sums::<f64>();
    });
}

#[test]
fn same_bits_with_any_number_of_threads() {
    let x = Random::new(5).vec::<f32>(701 * 503);
    same_bits("sum", || vec![sum(&x), sum_sq(&x) as f32]);
    same_bits("column_sums", || {
        written(503, |out| column_sums(&x, out, false))
    });
    same_bits("row_sums", || written(701, |out| row_sums(&x, 503, out)));
}
