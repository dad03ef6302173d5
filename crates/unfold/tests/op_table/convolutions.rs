//! Convolution of pictures and its transpose.

use super::*;

/// Convolution of pictures in every kind of geometry, one product at a time.
pub(super) fn picture_rows() -> Vec<Row> {
    let plain = Conv2d::new([3, 2]);
    let geometries = [
        ("conv2d", plain),
        ("conv2d, one pixel", Conv2d::new([1, 1])),
        (
            "conv2d, stride and uneven padding",
            Conv2d {
                stride: [2, 3],
                padding: [[0, 2], [1, 0]],
                ..plain
            },
        ),
        (
            "conv2d, dilation",
            Conv2d {
                dilation: [2, 3],
                ..plain.same([9, 8])
            },
        ),
        ("conv2d, groups", Conv2d { groups: 2, ..plain }),
        (
            "conv2d, depthwise",
            Conv2d {
                groups: 4,
                stride: [1, 2],
                ..plain.same([5, 6])
            },
        ),
    ];
    let rows = geometries.into_iter().map(|(name, geometry)| {
        let [kh, kw] = geometry.kernel;
        let ins = 4 / geometry.groups;
        let inputs = vec![
            values("x", [2, 5, 6, 4]),
            values("w", [kh, kw, ins, 8]),
            values("b", [8]),
        ];
        row(
            name,
            inputs,
            move |x| x[0].conv2d(&x[1], Some(&x[2]), geometry),
            move |x| {
                let [oh, ow] = geometry.output([5, 6]).unwrap();
                let place = |axis: usize, at: usize, tap: usize, size: usize| {
                    let padded = at * geometry.stride[axis] + tap * geometry.dilation[axis];
                    let at = padded.checked_sub(geometry.padding[axis][0]);
                    at.filter(|at| *at < size)
                };
                let value = |b: usize, i: usize, j: usize, o: usize| {
                    let mut sum = x[2].data()[o];
                    for tap in 0..kh * kw {
                        let (row, column) = (place(0, i, tap / kw, 5), place(1, j, tap % kw, 6));
                        let (Some(row), Some(column)) = (row, column) else {
                            continue;
                        };
                        for c in 0..ins {
                            let channel = o / (8 / geometry.groups) * ins + c;
                            sum += x[0].data()[((b * 5 + row) * 6 + column) * 4 + channel]
                                * x[1].data()[(tap * ins + c) * 8 + o];
                        }
                    }
                    sum
                };
                (0..2 * oh * ow * 8)
                    .map(|n| value(n / 8 / ow / oh, n / 8 / ow % oh, n / 8 % ow, n % 8))
                    .collect()
            },
        )
    });
    rows.collect()
}

/// Transposed convolution of pictures in every kind of geometry: each input pixel adds to the output.
pub(super) fn transposed_rows() -> Vec<Row> {
    let plain = ConvTranspose2d::new([3, 2]);
    let geometries = [
        ("conv_transpose2d", plain),
        (
            "conv_transpose2d, stride and uneven padding",
            ConvTranspose2d {
                stride: [2, 3],
                padding: [[0, 2], [1, 0]],
                output_padding: [1, 2],
                ..plain
            },
        ),
        (
            "conv_transpose2d, dilation",
            ConvTranspose2d {
                dilation: [2, 3],
                ..plain
            },
        ),
        (
            "conv_transpose2d, groups",
            ConvTranspose2d { groups: 2, ..plain },
        ),
        (
            "conv_transpose2d, depthwise",
            ConvTranspose2d { groups: 4, ..plain },
        ),
    ];
    let rows = geometries.into_iter().map(|(name, geometry)| {
        let [kh, kw] = geometry.kernel;
        let outs = 4 / geometry.groups;
        let inputs = vec![
            values("x", [2, 3, 4, 8]),
            values("w", [kh, kw, outs, 8]),
            values("b", [4]),
        ];
        row(
            name,
            inputs,
            move |x| x[0].conv_transpose2d(&x[1], Some(&x[2]), geometry),
            move |x| {
                let [oh, ow] = geometry.output([3, 4]).unwrap();
                let mut y: Vec<f64> = (0..2 * oh * ow).flat_map(|_| x[2].to_vec()).collect();
                let place = |axis: usize, at: usize, tap: usize, size: usize| {
                    let padded = at * geometry.stride[axis] + tap * geometry.dilation[axis];
                    let at = padded.checked_sub(geometry.padding[axis][0]);
                    at.filter(|at| *at < size)
                };
                for n in 0..2 * 3 * 4 * 8 * kh * kw {
                    let (tap, c, pixel) = (n % (kh * kw), n / (kh * kw) % 8, n / (kh * kw) / 8);
                    let (b, i, j) = (pixel / 12, pixel / 4 % 3, pixel % 4);
                    let (row, column) = (place(0, i, tap / kw, oh), place(1, j, tap % kw, ow));
                    let (Some(row), Some(column)) = (row, column) else {
                        continue;
                    };
                    for o in 0..outs {
                        let channel = c / (8 / geometry.groups) * outs + o;
                        y[((b * oh + row) * ow + column) * 4 + channel] +=
                            x[0].data()[pixel * 8 + c] * x[1].data()[(tap * outs + o) * 8 + c];
                    }
                }
                y
            },
        )
    });
    rows.collect()
}
