//! Matrix products.

use crate::testing::{Random, SIZES, at_every_level, close, same_bits, written};
use crate::{
    Batch, Float, Mat, MatMut, PackedMat, gemm, gemm_batch, gemm_bias, gemm_packed, naive,
};

/// A product of one shape in all its forms, with both factors as they lie in memory or transposed.
fn shape<E: Float>(random: &mut Random, m: usize, n: usize, k: usize) {
    let a = &random.vec::<E>(m * k + 1)[1..];
    let b = &random.vec::<E>(k * n + 1)[1..];
    let bias = &random.vec::<E>(n + 1)[1..];
    let room = 4.0 + k as f64;
    // Rows of C further apart than their length: what lies between stays as it is.
    let stride = n + 3;
    let len = m.saturating_sub(1) * stride + n;
    fn c<E>(data: &mut [E], row_stride: usize) -> MatMut<'_, E> {
        MatMut { data, row_stride }
    }
    for a in [Mat::new(a, k), Mat::t(a, m)] {
        for b in [Mat::new(b, n), Mat::t(b, k)] {
            let what = format!("[{m}, {k}] [{k}, {n}]");
            for keep in [false, true] {
                let want = written(len, |y| naive::gemm(m, n, k, a, b, keep, c(y, stride)));
                let got = written(len, |y| gemm(m, n, k, a, b, keep, c(y, stride)));
                close(&got, &want, 80.0 * room, &what);
            }
            close(
                &written(len, |y| gemm_bias(m, n, k, a, b, bias, c(y, stride))),
                &written(len, |y| naive::gemm_bias(m, n, k, a, b, bias, c(y, stride))),
                room,
                &what,
            );
        }
    }
}

fn shapes<E: Float>() {
    let mut random = Random::new(6);
    for m in SIZES {
        for n in SIZES {
            for k in [0, 1, 2, 17] {
                shape::<E>(&mut random, m, n, k);
            }
        }
    }
    for k in [511, 512, 513, 1030] {
        shape::<E>(&mut random, 13, 19, k);
    }
    // Columns that are packed as rows are, several blocks of steps, a right factor that is packed once.
    shape::<E>(&mut random, 101, 521, 3);
    shape::<E>(&mut random, 37, 471, 530);
    shape::<E>(&mut random, 773, 21, 5);
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        shapes::<f32>();
        shapes::<f64>();
    });
}

#[test]
fn a_packed_right_factor_gives_the_same_bits() {
    let mut random = Random::new(9);
    for (m, n, k) in [(1, 5, 7), (5, 33, 12), (70, 300, 520), (3, 7, 0)] {
        let (a, b, bias) = (
            random.vec::<f32>(m * k),
            random.vec::<f32>(k * n),
            random.vec::<f32>(n),
        );
        let packed = PackedMat::new(k, n, Mat::new(&b, n));
        let c = |c: &mut [f32]| {
            gemm_bias(
                m,
                n,
                k,
                Mat::new(&a, k),
                Mat::new(&b, n),
                &bias,
                MatMut::new(c, n),
            );
        };
        let got = written(m * n, |c| gemm_packed(&a, &packed, &bias, c));
        assert!(got == written(m * n, c), "[{m}, {k}] [{k}, {n}]");
    }
}

/// Parts of a product have the bits that the same elements have in the whole one.
fn parts<E: Float>() {
    let (m, n, k) = (131, 167, 300);
    let mut random = Random::new(7);
    let (a, b) = (random.vec::<E>(m * k), random.vec::<E>(k * n));
    let whole = written(m * n, |c| {
        gemm(
            m,
            n,
            k,
            Mat::new(&a, k),
            Mat::new(&b, n),
            false,
            MatMut::new(c, n),
        );
    });
    for (rows, cols) in [
        (0..1, 0..n),
        (5..131, 3..4),
        (77..90, 33..101),
        (1..131, 150..167),
    ] {
        let (a, b) = (
            Mat::new(&a[rows.start * k..], k),
            Mat::new(&b[cols.start..], n),
        );
        let width = cols.len();
        let part = written(rows.len() * width, |c| {
            gemm(rows.len(), width, k, a, b, false, MatMut::new(c, width));
        });
        for (row, part) in rows.clone().zip(part.chunks(width)) {
            assert!(part == &whole[row * n..][cols.clone()], "{rows:?} {cols:?}");
        }
    }
}

#[test]
fn an_element_has_the_same_bits_wherever_it_is_computed() {
    at_every_level(|| {
        parts::<f32>();
        parts::<f64>();
    });
}

/// Matrices of two batches, as they are or transposed, and one that stands for a whole batch.
#[test]
fn batches_are_products_one_by_one() {
    let mut random = Random::new(9);
    for (batch, [m, n, k]) in [
        (0, [2, 3, 4]),
        (1, [5, 7, 3]),
        (3, [17, 33, 9]),
        (40, [6, 5, 0]),
        (61, [4, 31, 8]),
    ] {
        let a = random.vec::<f32>(batch * m * k);
        let b = random.vec::<f32>((batch * k * n).max(k * n));
        for (at, shared) in [(false, false), (true, false), (false, true)] {
            let first = if at { Mat::t(&a, m) } else { Mat::new(&a, k) };
            let apart = if shared { 0 } else { k * n };
            for keep in [false, true] {
                let want = written(batch * m * n, |c| {
                    for (i, c) in c.chunks_mut(m * n).enumerate() {
                        let a = Mat {
                            data: &a[i * m * k..],
                            ..first
                        };
                        gemm(
                            m,
                            n,
                            k,
                            a,
                            Mat::new(&b[i * apart..], n),
                            keep,
                            MatMut::new(c, n),
                        );
                    }
                });
                let a = Batch {
                    first,
                    apart: m * k,
                };
                let b = Batch {
                    first: Mat::new(&b, n),
                    apart,
                };
                let all = || written(batch * m * n, |c| gemm_batch([m, n, k], a, b, keep, c));
                assert_eq!(all(), want, "{batch} of [{m}, {k}] [{k}, {n}]");
                same_bits("gemm_batch", all);
            }
        }
    }
}

#[test]
fn same_bits_with_any_number_of_threads() {
    let mut random = Random::new(8);
    for (m, n, k) in [
        (301, 203, 97),
        (20, 1000, 200),
        (1009, 7, 31),
        (3, 5, 20_011),
    ] {
        let (a, b) = (random.vec::<f32>(m * k), random.vec::<f32>(k * n));
        let (a, b) = (Mat::new(&a, k), Mat::t(&b, k));
        same_bits("gemm", || {
            written(m * n, |c| gemm(m, n, k, a, b, false, MatMut::new(c, n)))
        });
    }
}

/// Numbers next to zero count as zero in every product, however small and whoever computes it.
#[test]
fn denormals_are_flushed_in_small_products_as_in_large_ones() {
    let tiny = [1e-20f32; 64];
    for batch in [1, 3, 4, 16] {
        let (a, b) = (Mat::new(&tiny, 2), Mat::new(&tiny, 2));
        let batch_of = |first| Batch { first, apart: 4 };
        same_bits("gemm_batch", || {
            let c = written(batch * 4, |c| {
                gemm_batch([2, 2, 2], batch_of(a), batch_of(b), false, c);
            });
            assert!(cfg!(miri) || c.iter().all(|c| *c == 0.0), "{c:?}");
            c
        });
    }
}

/// Strides whose products do not fit an index.
#[test]
fn a_factor_whose_place_cannot_be_counted_panics() {
    let data = [1f32; 4];
    let far = |row_stride, col_stride| Mat {
        data: &data,
        row_stride,
        col_stride,
    };
    for (a, b) in [
        (far(1 << 56, 1), Mat::new(&data, 1)),
        (far(1, 1 << 56), Mat::new(&data, 1)),
        (Mat::new(&data, 0), far(1 << 62, 1)),
    ] {
        let run = || {
            let mut c = vec![0f32; 257];
            gemm(257, 1, 5, a, b, false, MatMut::new(&mut c, 1));
        };
        assert!(std::panic::catch_unwind(run).is_err(), "{a:?} {b:?}");
    }
}

#[test]
#[should_panic(expected = "gemm: b [3, 4] exceeds its 11 elements")]
fn a_factor_that_is_too_short_panics() {
    let (a, b, mut c) = ([0f32; 6], [0f32; 11], [0f32; 8]);
    gemm(
        2,
        4,
        3,
        Mat::new(&a, 3),
        Mat::new(&b, 4),
        false,
        MatMut::new(&mut c, 4),
    );
}
