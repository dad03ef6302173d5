//! Products with weights of eight bits.

use crate::testing::{Random, SIZES, at_every_level};
use crate::{Mat, MatMut, Quantized, gemm};

#[test]
fn products_are_those_of_the_rounded_weights() {
    at_every_level(|| {
        let mut random = Random::new(31);
        // Under Miri a few: rows in a group and one more, a whole group of columns and one more.
        let (columns, rows) = match cfg!(miri) {
            true => (vec![0, 3, 257], vec![0, 9]),
            false => (
                [&SIZES[..], &[255, 256, 257]].concat(),
                vec![0, 1, 7, 8, 37],
            ),
        };
        for &n in &columns {
            for &k in &rows {
                for b in [1, 3] {
                    let w = random.vec::<f32>(k * n);
                    let (x, bias) = (random.vec::<f32>(b * k), random.vec::<f32>(n));
                    let packed = Quantized::new(&w, n);
                    let mut rounded = vec![0.0; k * n];
                    if n > 0 {
                        assert_eq!(packed.size(), [k, n]);
                        packed.values(&mut rounded);
                    }
                    for column in 0..n {
                        let of = |w: &[f32]| (0..k).map(|p| w[p * n + column]).collect::<Vec<_>>();
                        let largest = of(&w).iter().fold(0.0f32, |m, x| m.max(x.abs()));
                        let far = of(&w)
                            .into_iter()
                            .zip(of(&rounded))
                            .map(|(a, b)| (a - b).abs());
                        assert!(far.fold(0.0, f32::max) <= largest / 254.0 * 1.001);
                    }
                    if k == 0 || n == 0 {
                        continue;
                    }
                    let (mut expected, mut got) = (vec![0.0; b * n], vec![9.0; b * n]);
                    let (left, right) = (Mat::new(&x[..], k), Mat::new(&rounded[..], n));
                    gemm(b, n, k, left, right, false, MatMut::new(&mut expected, n));
                    packed.product(&x, &[], &mut got);
                    for (a, b) in got.iter().zip(&expected) {
                        assert!((a - b).abs() < 1e-4, "[{b}, {k}, {n}]: {a} {b}");
                    }
                    packed.product(&x, &bias, &mut got);
                    let with_bias = expected.iter().zip(bias.iter().cycle());
                    for (a, (b, bias)) in got.iter().zip(with_bias) {
                        assert!((a - b - bias).abs() < 1e-4);
                    }
                }
            }
        }
    });
}
