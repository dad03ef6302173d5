//! Transposes.

use crate::testing::{Random, SIZES, written};
use crate::{naive, transpose};

#[test]
fn agrees_with_the_plain_form() {
    let mut random = Random::new(41);
    for rows in SIZES {
        for cols in SIZES {
            for stride in [cols, cols + 3] {
                let x = random.vec::<f32>(rows * stride);
                let got = written(rows * cols, |y| transpose(&x, stride, rows, y));
                let want = written(rows * cols, |y| naive::transpose(&x, stride, rows, y));
                assert!(got == want, "[{rows}, {cols}], rows {stride} apart");
            }
        }
    }
}

#[test]
#[should_panic(expected = "transpose: [2, 3] with rows 3 apart in 5 elements, into 6")]
fn a_matrix_that_is_too_short_panics() {
    transpose(&[0f32; 5], 3, 2, &mut [0f32; 6]);
}
