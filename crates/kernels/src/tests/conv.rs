//! Convolution over time.

use crate::testing::{Random, at_every_level, close, same_bits, written};
use crate::{Conv1d, Float, conv1d, conv1d_backward_data, conv1d_backward_weights, naive};

fn geometries() -> Vec<Conv1d> {
    let mut all = vec![];
    for kernel in [1, 2, 4] {
        for stride in [1, 2, 3] {
            for padding in [0, 1, 4] {
                for dilation in [1, 2] {
                    all.push(Conv1d {
                        kernel,
                        stride,
                        padding,
                        dilation,
                    });
                }
            }
        }
    }
    all
}

fn all<E: Float>() {
    let mut random = Random::new(9);
    for geometry in geometries() {
        for (batch, most, c, o) in [(1, 1, 1, 1), (3, 9, 5, 7), (8, 6, 17, 9)] {
            let input = random.ragged(batch, most);
            let Some(output) = geometry.output(&input) else {
                continue; // a sequence shorter than the kernel
            };
            let (n, m, k) = (input.rows(), output.rows(), geometry.kernel);
            let x = &random.vec::<E>(n * c + 1)[1..];
            let w = &random.vec::<E>(k * c * o + 1)[1..];
            let dy = &random.vec::<E>(m * o + 1)[1..];
            let bias = random.vec::<E>(o);
            let what = format!("{geometry:?} {:?} C {c} O {o}", input.lengths());
            for bias in [None, Some(&bias[..])] {
                close(
                    &written(m * o, |y| conv1d(x, &input, w, bias, geometry, &output, y)),
                    &written(m * o, |y| {
                        naive::conv1d(x, &input, w, bias, geometry, &output, y)
                    }),
                    100.0,
                    &what,
                );
            }
            close(
                &written(n * c, |dx| {
                    conv1d_backward_data(dy, &input, w, geometry, &output, dx);
                }),
                &written(n * c, |dx| {
                    naive::conv1d_backward_data(dy, &input, w, geometry, &output, dx);
                }),
                100.0,
                &what,
            );
            close(
                &written(k * c * o, |dw| {
                    conv1d_backward_weights(x, &input, dy, geometry, &output, dw);
                }),
                &written(k * c * o, |dw| {
                    naive::conv1d_backward_weights(x, &input, dy, geometry, &output, dw);
                }),
                100.0,
                &what,
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
    let mut random = Random::new(10);
    let geometry = Conv1d {
        kernel: 3,
        stride: 1,
        padding: 1,
        dilation: 1,
    };
    let input = random.ragged(19, 61);
    let output = geometry.output(&input).expect("padded");
    let (n, m, c, o) = (input.rows(), output.rows(), 33, 29);
    let (x, dy) = (random.vec::<f32>(n * c), random.vec::<f32>(m * o));
    let w = random.vec::<f32>(3 * c * o);
    same_bits("conv1d", || {
        written(m * o, |y| {
            conv1d(&x, &input, &w, None, geometry, &output, y)
        })
    });
    same_bits("conv1d_backward_data", || {
        written(n * c, |dx| {
            conv1d_backward_data(&dy, &input, &w, geometry, &output, dx)
        })
    });
    same_bits("conv1d_backward_weights", || {
        written(3 * c * o, |dw| {
            conv1d_backward_weights(&x, &input, &dy, geometry, &output, dw);
        })
    });
}

#[test]
fn a_geometry_that_gives_no_step_has_no_output() {
    let seq = Random::new(11).ragged(3, 1);
    let fits = |kernel, stride, padding, dilation| {
        Conv1d {
            kernel,
            stride,
            padding,
            dilation,
        }
        .output(&seq)
        .is_some()
    };
    assert!(fits(1, 1, 0, 1) && fits(3, 1, 1, 1) && fits(3, 2, 2, 2));
    assert!(!fits(9, 1, 0, 1 << 61) && !fits(2, 1, usize::MAX, 1));
    assert!(!fits(2, 1, 0, 1) && !fits(3, 1, 1, 2) && !fits(0, 1, 1, 1) && !fits(1, 0, 1, 1));
}
