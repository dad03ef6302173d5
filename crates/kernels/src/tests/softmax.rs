//! Softmax and cross-entropy.

use crate::testing::{Random, SIZES, at_every_level, close, same_bits, written};
use crate::{
    Float, cross_entropy, log_softmax, log_softmax_backward, log_sum_exp, naive, softmax,
    softmax_backward,
};

fn rows<E: Float>() {
    let mut random = Random::new(18);
    for c in SIZES {
        for r in [0, 1, 5] {
            let n = r * c;
            let mut x = random.vec::<E>(n + 1);
            // Spread out, and far from zero: e to these powers overflows f32.
            x.iter_mut()
                .for_each(|x| *x = E::from_f64(x.to_f64() * 20.0 + 200.0));
            let (x, dy) = (&x[1..], &random.vec::<E>(n + 1)[1..]);
            let y = written(n, |y| naive::softmax(x, c, y));
            close(&written(n, |y| softmax(x, c, y)), &y, 80.0, "softmax");
            close(
                &written(n, |dx| softmax_backward(&y, dy, c, dx)),
                &written(n, |dx| naive::softmax_backward(&y, dy, c, dx)),
                80.0,
                "softmax_backward",
            );
            let y = written(n, |y| naive::log_softmax(x, c, y));
            // The rounding of x itself shows in x - log(sum e^x).
            close(
                &written(n, |y| log_softmax(x, c, y)),
                &y,
                500.0,
                "log_softmax",
            );
            for x in x[..n].chunks_exact(c.max(1)) {
                let want = naive::log_sum_exp(x);
                close(&[log_sum_exp(x)], &[want], 80.0, "log_sum_exp");
            }
            close(
                &written(n, |dx| log_softmax_backward(&y, dy, c, dx)),
                &written(n, |dx| naive::log_softmax_backward(&y, dy, c, dx)),
                80.0,
                "log_softmax_backward",
            );
        }
    }
}

fn losses<E: Float>() {
    let mut random = Random::new(19);
    for v in SIZES.into_iter().filter(|&v| v > 0) {
        for r in [0, 1, 6] {
            let x = &random.vec::<E>(r * v + 1)[1..];
            let mut targets: Vec<u32> = (0..r).map(|_| random.below(v) as u32).collect();
            if r > 1 {
                targets[1] = u32::MAX;
            }
            let mut weights = random.vec::<E>(v);
            weights.iter_mut().for_each(|w| *w = w.abs());
            for weights in [None, Some(&weights[..])] {
                for smoothing in [0.0, 0.1].map(E::from_f64) {
                    let scale = E::from_f64(0.7);
                    let (mut got, mut want) = (vec![E::ONE; r], vec![E::ONE; r]);
                    close(
                        &written(r * v, |dx| {
                            dx.copy_from_slice(x);
                            cross_entropy(dx, v, &targets, weights, smoothing, scale, &mut got);
                        }),
                        &written(r * v, |dx| {
                            dx.copy_from_slice(x);
                            naive::cross_entropy(
                                dx, v, &targets, weights, smoothing, scale, &mut want,
                            );
                        }),
                        80.0,
                        "gradient",
                    );
                    close(&got, &want, 200.0, "loss");
                }
            }
        }
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        rows::<f32>();
        rows::<f64>();
        losses::<f32>();
        losses::<f64>();
    });
}

#[test]
fn same_bits_with_any_number_of_threads() {
    let (r, c) = (211, 503);
    let mut random = Random::new(20);
    let x = random.vec::<f32>(r * c);
    let targets: Vec<u32> = (0..r).map(|_| random.below(c) as u32).collect();
    same_bits("softmax", || written(r * c, |y| softmax(&x, c, y)));
    same_bits("cross_entropy", || {
        let mut losses = vec![0.0; r];
        let mut all = written(r * c, |dx| {
            dx.copy_from_slice(&x);
            cross_entropy(dx, c, &targets, None, 0.1, 0.5, &mut losses);
        });
        all.extend(losses);
        all
    });
}
