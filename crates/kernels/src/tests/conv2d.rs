//! Convolution on pictures.

use crate::testing::{Random, at_every_level, close, fast_and_exact, same_bits, written};
use crate::{
    Activation, Conv2d, Finish, Float, PackedConv2d, conv2d, conv2d_backward_data,
    conv2d_backward_weights, conv2d_packed, naive,
};

/// A geometry of every kind of kernel, stride, padding and dilation; the axes differ.
fn geometries() -> Vec<Conv2d> {
    let mut all = vec![];
    for kernel in [[1, 1], [3, 3], [2, 5], [4, 1]] {
        for stride in [[1, 1], [2, 1], [3, 2]] {
            for padding in [[[0, 0], [0, 0]], [[1, 1], [1, 1]], [[0, 2], [3, 1]]] {
                for dilation in [[1, 1], [2, 3]] {
                    all.push(Conv2d {
                        kernel,
                        stride,
                        padding,
                        dilation,
                        groups: 1,
                    });
                }
            }
        }
    }
    all
}

/// `room`: how many times the usual error is allowed.
fn one<E: Float>(random: &mut Random, geometry: Conv2d, size: [usize; 4], o: usize, room: f64) {
    let [b, h, w, c] = size;
    let Some([oh, ow]) = geometry.output([h, w]) else {
        return; // a picture smaller than the kernel
    };
    let [kh, kw] = geometry.kernel;
    let weights = kh * kw * (c / geometry.groups) * o;
    let x = &random.vec::<E>(b * h * w * c + 1)[1..];
    let w = &random.vec::<E>(weights + 1)[1..];
    let dy = &random.vec::<E>(b * oh * ow * o + 1)[1..];
    let bias = random.vec::<E>(o);
    let what = format!("{geometry:?} {size:?} O {o}");
    for bias in [None, Some(&bias[..])] {
        close(
            &written(dy.len(), |y| conv2d(x, size, w, bias, geometry, y)),
            &written(dy.len(), |y| naive::conv2d(x, size, w, bias, geometry, y)),
            200.0 * room,
            &what,
        );
        let packed = PackedConv2d::new(w, [c, o], geometry);
        let plain = written(dy.len(), |y| conv2d(x, size, w, bias, geometry, y));
        for finish in [
            Finish::NONE,
            Finish {
                add: Some(dy),
                activation: Activation::Relu,
            },
            Finish {
                add: None,
                activation: Activation::Relu6,
            },
        ] {
            let mut wanted = plain.clone();
            if finish.add.is_some() {
                let sums = wanted.iter_mut().zip(dy);
                sums.for_each(|(y, add)| *y += *add);
            }
            let most = match finish.activation {
                Activation::Relu6 => E::from_f64(6.0),
                _ => E::from_f64(f64::INFINITY),
            };
            if finish.activation != Activation::Identity {
                wanted
                    .iter_mut()
                    .for_each(|y| *y = E::ZERO.max(*y).min(most));
            }
            assert!(
                written(dy.len(), |y| {
                    conv2d_packed(x, size, &packed, bias, finish, y)
                }) == wanted,
                "{what}"
            );
        }
    }
    close(
        &written(x.len(), |dx| {
            conv2d_backward_data(dy, size, w, geometry, dx)
        }),
        &written(x.len(), |dx| {
            naive::conv2d_backward_data(dy, size, w, geometry, dx);
        }),
        200.0 * room,
        &what,
    );
    close(
        &written(weights, |dw| {
            conv2d_backward_weights(x, size, dy, geometry, dw)
        }),
        &written(weights, |dw| {
            naive::conv2d_backward_weights(x, size, dy, geometry, dw);
        }),
        400.0 * room,
        &what,
    );
}

fn all<E: Float>() {
    let random = &mut Random::new(12);
    for geometry in geometries() {
        for (size, groups, o) in [
            ([1, 1, 1, 1], 1, 1),
            ([2, 5, 7, 3], 1, 5),
            ([1, 6, 4, 19], 1, 35),
            ([2, 7, 3, 6], 2, 10),
            ([1, 4, 6, 5], 5, 5),
            ([2, 5, 4, 3], 3, 6),
        ] {
            one::<E>(random, Conv2d { groups, ..geometry }, size, o, 1.0);
        }
    }
    // Several blocks of steps; channels beyond several vectors; blocks of rows and columns.
    let same = |kernel| Conv2d::new(kernel).same([9, 8]);
    one::<E>(random, same([3, 3]), [3, 9, 8, 67], 15, 1.0);
    one::<E>(random, same([1, 1]), [2, 9, 8, 331], 129, 1.0);
    let groups = 131;
    one::<E>(
        random,
        Conv2d {
            groups,
            ..same([3, 3])
        },
        [2, 9, 8, 131],
        131,
        1.0,
    );
    one::<E>(random, same([5, 3]), [16, 9, 8, 1], 7, 1.0);
    // Channels alone, of pixels that see several side by side: three or five, next to each other or two apart.
    for (taps, step) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
        let strided = Conv2d {
            stride: [1, step],
            ..Conv2d::new([taps, taps])
        };
        let geometry = Conv2d {
            groups: 70,
            ..strided.same([7, 17 * step])
        };
        one::<E>(random, geometry, [2, 7, 17 * step, 70], 70, 1.0);
    }
}

/// Shapes that are multiplied in Winograd's form: tiles that reach beyond the picture by every number of pixels, with
/// every padding.
fn winograd<E: Float>() {
    let random = &mut Random::new(14);
    for ([h, w], [c, o], padding) in [
        ([12, 16], [32, 32], [[1, 1], [1, 1]]),
        ([11, 13], [33, 47], [[0, 2], [2, 0]]),
        ([9, 8], [67, 18], [[1, 1], [1, 1]]),
        ([8, 12], [16, 24], [[1, 1], [1, 1]]),
        ([10, 10], [35, 64], [[0, 0], [0, 0]]),
        ([9, 15], [40, 33], [[2, 2], [2, 1]]),
        // A weight that is worked on in parts.
        ([9, 3], [331, 353], [[1, 1], [1, 1]]),
    ] {
        let geometry = Conv2d {
            padding,
            ..Conv2d::new([3, 3])
        };
        one::<E>(random, geometry, [6, h, w, c], o, 10.0);
    }
}

#[test]
fn winograds_form_agrees_with_the_plain_one() {
    at_every_level(|| {
        winograd::<f32>();
        winograd::<f64>();
    });
}

/// What [`set_exact`] says of the error: sums over 256 channels.
#[test]
fn winograds_form_loses_little() {
    let mut random = Random::new(15);
    let (geometry, size, o) = (Conv2d::new([3, 3]).same([16, 16]), [4, 16, 16, 256], 32);
    let x = random.vec::<f32>(size.iter().product());
    let w = random.vec::<f32>(9 * 256 * o);
    let dy = random.vec::<f32>(4 * 16 * 16 * o);
    let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let (x64, w64, dy64) = (wide(&x), wide(&w), wide(&dy));
    let compute = || {
        [
            written(dy.len(), |y| conv2d(&x, size, &w, None, geometry, y)),
            written(x.len(), |dx| {
                conv2d_backward_data(&dy, size, &w, geometry, dx)
            }),
            written(w.len(), |dw| {
                conv2d_backward_weights(&x, size, &dy, geometry, dw)
            }),
        ]
    };
    let [fast, exact] = fast_and_exact(compute);
    let [_, wanted] = fast_and_exact(|| {
        [
            written(dy.len(), |y| conv2d(&x64, size, &w64, None, geometry, y)),
            written(x.len(), |dx| {
                conv2d_backward_data(&dy64, size, &w64, geometry, dx);
            }),
            written(w.len(), |dw| {
                conv2d_backward_weights(&x64, size, &dy64, geometry, dw);
            }),
        ]
    });
    for ((fast, exact), wanted) in fast.iter().zip(&exact).zip(&wanted) {
        let most = |got: &[f32]| {
            let errors = got
                .iter()
                .zip(wanted)
                .map(|(got, wanted)| (f64::from(*got) - wanted).abs());
            errors.fold(0.0, f64::max)
        };
        let (fast, exact) = (most(fast), most(exact));
        println!("largest error {fast:.2e}, of the definition {exact:.2e}");
        assert!(fast > 0.0 && fast <= 10.0 * exact, "{fast} against {exact}");
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
    for (stride, [c, o], groups) in [
        ([1, 1], [37, 29], 1),
        ([2, 2], [3, 70], 1),
        ([1, 2], [24, 36], 3),
        ([2, 1], [33, 66], 33),
        ([1, 1], [41, 50], 1),
    ] {
        let geometry = Conv2d {
            stride,
            groups,
            ..Conv2d::new([3, 3])
        };
        let geometry = geometry.same([13, 11]);
        let [oh, ow] = geometry.output([13, 11]).expect("padded");
        let size = [19, 13, 11, c];
        let x = random.vec::<f32>(size.iter().product());
        let dy = random.vec::<f32>(19 * oh * ow * o);
        let w = random.vec::<f32>(9 * c / groups * o);
        same_bits("conv2d", || {
            written(dy.len(), |y| conv2d(&x, size, &w, None, geometry, y))
        });
        same_bits("conv2d_backward_data", || {
            written(x.len(), |dx| {
                conv2d_backward_data(&dy, size, &w, geometry, dx)
            })
        });
        same_bits("conv2d_backward_weights", || {
            written(w.len(), |dw| {
                conv2d_backward_weights(&x, size, &dy, geometry, dw)
            })
        });
    }
}

#[test]
fn nothing_goes_to_nothing() {
    let geometry = Conv2d::new([3, 3]);
    for (size, o) in [([0, 5, 5, 2], 3), ([2, 5, 5, 0], 3), ([2, 5, 5, 2], 0)] {
        let [b, .., c] = size;
        let (inputs, outputs) = (b * 25 * c, b * 9 * o);
        let (x, dy) = (vec![1.0f32; inputs], vec![1.0; outputs]);
        let (w, bias) = (vec![1.0; 9 * c * o], vec![2.0; o]);
        let y = written(outputs, |y| conv2d(&x, size, &w, Some(&bias), geometry, y));
        assert!(y.iter().all(|y| *y == if c == 0 { 2.0 } else { 20.0 }));
        let dx = written(inputs, |dx| {
            conv2d_backward_data(&dy, size, &w, geometry, dx)
        });
        assert!(dx.iter().all(|dx| *dx == 0.0));
        let dw = written(w.len(), |dw| {
            conv2d_backward_weights(&x, size, &dy, geometry, dw)
        });
        assert!(dw.iter().all(|dw| *dw == 0.0));
    }
}

#[test]
fn sizes_follow_the_geometry() {
    let plain = Conv2d::new([3, 2]);
    assert_eq!(plain.output([5, 5]), Some([3, 4]));
    assert_eq!(plain.output([2, 5]), None);
    let same = Conv2d {
        stride: [2, 1],
        ..plain
    }
    .same([6, 5]);
    assert_eq!(same.padding, [[0, 1], [0, 1]]);
    assert_eq!(same.output([6, 5]), Some([3, 5]));
    let wide = Conv2d {
        dilation: [2, 3],
        ..plain
    };
    assert_eq!(wide.output([5, 5]), Some([1, 2]));
    // A reach and a padding that cannot be counted.
    let far = Conv2d {
        dilation: [1, 1 << 61],
        ..Conv2d::new([1, 9])
    };
    assert_eq!(far.output([1, 16]), None);
    let far = Conv2d {
        padding: [[usize::MAX, 2], [0, 0]],
        ..plain
    };
    assert_eq!(far.output([5, 5]), None);
    for nonsense in [
        Conv2d {
            kernel: [0, 1],
            ..plain
        },
        Conv2d {
            stride: [1, 0],
            ..plain
        },
        Conv2d {
            dilation: [0, 1],
            ..plain
        },
        Conv2d { groups: 0, ..plain },
    ] {
        assert_eq!(nonsense.output([5, 5]), None);
    }
}
