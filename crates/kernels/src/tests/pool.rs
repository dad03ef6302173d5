//! Pooling over windows of pictures.

use crate::testing::{Random, at_every_level, close, same_bits, written};
use crate::{
    Float, Pool2d, Windows, avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward, naive,
};

/// Windows that overlap, leave gaps, reach over each edge, and adaptive ones.
fn all_windows(size: [usize; 2]) -> Vec<[Windows; 2]> {
    let mut all = Vec::new();
    for (kernel, stride, padding) in [
        ([1, 1], [1, 1], [[0, 0], [0, 0]]),
        ([2, 2], [2, 2], [[0, 0], [0, 0]]),
        ([3, 3], [2, 2], [[1, 1], [1, 1]]),
        ([3, 2], [1, 3], [[0, 1], [1, 0]]),
        ([2, 5], [3, 1], [[1, 0], [2, 1]]),
    ] {
        for (ceil_mode, count_include_pad) in [(false, true), (true, true), (true, false)] {
            let geometry = Pool2d {
                kernel,
                stride,
                padding,
                ceil_mode,
                count_include_pad,
            };
            all.extend(geometry.windows(size));
        }
    }
    let adaptive = |[h, w]: [usize; 2]| {
        let windows = (Windows::adaptive(size[0], h), Windows::adaptive(size[1], w));
        [windows.0.expect("not empty"), windows.1.expect("not empty")]
    };
    all.extend([[1, 1], [2, 3], [7, 2]].map(adaptive));
    all
}

fn all<E: Float>() {
    let mut random = Random::new(21);
    for (b, size, c) in [
        (1, [1, 1], 1),
        (2, [5, 4], 3),
        (0, [3, 3], 4),
        (3, [7, 9], 17),
        (1, [8, 6], 67),
    ] {
        for windows in all_windows(size) {
            let pixels = windows[0].outputs() * windows[1].outputs();
            let (n, m) = (b * size[0] * size[1] * c, b * pixels * c);
            let mut x = random.vec::<E>(n + 1);
            // Equal values, so that the first one must be found.
            x.iter_mut()
                .for_each(|x| *x = E::from_f64((x.to_f64() * 4.0).round()));
            let (x, dy) = (&x[1..], &random.vec::<E>(m + 1)[1..]);
            let (mut at, mut at2) = (vec![77; m], vec![77; m]);
            let what = format!("{windows:?} C {c}");
            for relu in [false, true] {
                assert!(
                    written(m, |y| max_pool2d(x, c, &windows, relu, y, &mut at))
                        == written(m, |y| naive::max_pool2d(x, c, &windows, relu, y, &mut at2)),
                    "{what}"
                );
                assert_eq!(at, at2, "{what}");
                let with = written(m, |y| max_pool2d(x, c, &windows, relu, y, &mut at));
                let without = written(m, |y| max_pool2d(x, c, &windows, relu, y, &mut []));
                assert!(with == without, "{what} without places");
                assert!(
                    written(n, |dx| max_pool2d_backward(&at, dy, c, &windows, dx))
                        == written(n, |dx| naive::max_pool2d_backward(&at, dy, c, &windows, dx)),
                    "{what}"
                );
            }
            close(
                &written(m, |y| avg_pool2d(x, c, &windows, y)),
                &written(m, |y| naive::avg_pool2d(x, c, &windows, y)),
                100.0,
                &what,
            );
            close(
                &written(n, |dx| avg_pool2d_backward(dy, c, &windows, dx)),
                &written(n, |dx| naive::avg_pool2d_backward(dy, c, &windows, dx)),
                20.0,
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
    let mut random = Random::new(22);
    let (b, size, c) = (3, [41, 37], 19);
    let x = random.vec::<f32>(b * size[0] * size[1] * c);
    for windows in all_windows(size) {
        let m = b * windows[0].outputs() * windows[1].outputs() * c;
        let dy = random.vec::<f32>(m);
        same_bits("max_pool2d", || {
            let mut at = vec![0; m];
            let mut all = written(m, |y| max_pool2d(&x, c, &windows, true, y, &mut at));
            all.extend(written(x.len(), |dx| {
                max_pool2d_backward(&at, &dy, c, &windows, dx);
            }));
            all
        });
        same_bits("avg_pool2d", || {
            let mut all = written(m, |y| avg_pool2d(&x, c, &windows, y));
            all.extend(written(x.len(), |dx| {
                avg_pool2d_backward(&dy, c, &windows, dx);
            }));
            all
        });
    }
}

#[test]
fn windows_are_counted_as_pytorch_does() {
    let outputs = |input, kernel, stride, padding, ceil_mode| {
        let geometry = Pool2d {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [[padding; 2]; 2],
            ceil_mode,
            count_include_pad: true,
        };
        geometry.windows([input; 2]).map(|w| w[0].outputs())
    };
    assert_eq!(outputs(7, 2, 2, 0, false), Some(3));
    assert_eq!(outputs(7, 2, 2, 0, true), Some(4));
    assert_eq!(outputs(2, 3, 2, 0, true), Some(1));
    // A window that would start beyond the end does not count.
    assert_eq!(outputs(4, 1, 3, 0, true), Some(2));
    assert_eq!(outputs(5, 2, 4, 1, true), Some(2));
    for none in [
        outputs(2, 3, 1, 0, false),
        outputs(5, 0, 1, 0, false),
        outputs(5, 2, 0, 0, false),
        outputs(5, 3, 1, 2, false),
        outputs(0, 1, 1, 0, false),
    ] {
        assert_eq!(none, None);
    }
    let even = Windows::adaptive(7, 3).expect("not empty");
    let lengths: Vec<usize> = even.all().iter().map(|w| w.len()).collect();
    assert_eq!((lengths, even.widest()), (vec![3, 3, 3], 3));
    assert_eq!(Windows::adaptive(0, 3), None);
}
