//! Batch normalisation.

use crate::testing::{Random, SIZES, at_every_level, close, same_bits, written};
use crate::{Activation, BatchNorm, Float, batch_norm, batch_norm_backward, column_moments, naive};

type Moments<E> = fn(&[E], &mut [E], &mut [E]);

fn moments<E: Float>(f: Moments<E>, x: &[E], c: usize) -> [Vec<E>; 2] {
    let (mut mean, mut variance) = (vec![E::ONE; c], vec![E::ONE; c]);
    f(x, &mut mean, &mut variance);
    [mean, variance]
}

fn all<E: Float>() {
    let mut random = Random::new(23);
    for c in SIZES.into_iter().filter(|&c| c > 0) {
        for r in [0, 1, 2, 5, 300, 1500] {
            let what = format!("[{r}, {c}]");
            let x = &random.vec::<E>(r * c + 1)[1..];
            let [mean, variance] = moments(column_moments, x, c);
            let [mean2, variance2] = moments(naive::column_moments, x, c);
            close(&mean, &mean2, 100.0, &what);
            close(&variance, &variance2, 100.0, &what);

            let rstd: Vec<E> = variance2
                .iter()
                .map(|&v| E::ONE / (v + E::from_f64(1e-2)).sqrt())
                .collect();
            let (mut gamma, beta) = (random.vec::<E>(c), &random.vec::<E>(c + 1)[1..]);
            gamma.iter_mut().for_each(|g| *g = *g * E::from_f64(6.0)); // so that some results exceed 6
            let gamma = &gamma[..];
            let dy = &random.vec::<E>(r * c + 1)[1..];
            for (activation, constant) in [
                (Activation::Identity, false),
                (Activation::Relu, false),
                (Activation::Relu, true),
                (Activation::Identity, true),
                (Activation::Relu6, false),
            ] {
                let norm = BatchNorm {
                    mean: &mean2,
                    rstd: &rstd,
                    gamma,
                    beta,
                    activation,
                };
                close(
                    &written(r * c, |y| batch_norm(x, &norm, y)),
                    &written(r * c, |y| naive::batch_norm(x, &norm, y)),
                    400.0,
                    &what,
                );
                let backward = |f: Backward<E>| {
                    let (mut dgamma, mut dbeta) = (vec![E::ONE; c], vec![E::ONE; c]);
                    let dx = written(r * c, |dx| {
                        f(x, &norm, constant, dy, dx, &mut dgamma, &mut dbeta);
                    });
                    [dx, dgamma, dbeta]
                };
                let (got, want) = (
                    backward(batch_norm_backward),
                    backward(naive::batch_norm_backward),
                );
                for (got, want) in got.iter().zip(&want) {
                    close(got, want, 4000.0, &what);
                }
            }
        }
    }
}

type Backward<E> = fn(&[E], &BatchNorm<'_, E>, bool, &[E], &mut [E], &mut [E], &mut [E]);

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        all::<f32>();
        all::<f64>();
    });
}

#[test]
fn a_large_mean_leaves_the_variance_right() {
    let mut random = Random::new(24);
    let (r, c) = (20_000, 3);
    let x: Vec<f64> = random.vec(r * c);
    let moved: Vec<f32> = x.iter().map(|x| (x + 1000.0) as f32).collect();
    let exact: Vec<f64> = moved.iter().map(|&x| f64::from(x)).collect();
    let [_, variance] = moments(column_moments, &moved, c);
    let [_, want] = moments(naive::column_moments, &exact, c);
    for (got, want) in variance.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 1e-5, "{got} is not {want}");
    }
}

#[test]
fn same_bits_with_any_number_of_threads() {
    let mut random = Random::new(25);
    for (r, c) in [(40_000, 3), (1009, 67), (40, 3001)] {
        let (x, dy) = (random.vec::<f32>(r * c), random.vec::<f32>(r * c));
        let (gamma, beta) = (random.vec::<f32>(c), random.vec::<f32>(c));
        same_bits("batch_norm", || {
            let [mean, rstd] = moments(column_moments, &x, c);
            let norm = BatchNorm {
                mean: &mean,
                rstd: &rstd,
                gamma: &gamma,
                beta: &beta,
                activation: Activation::Relu,
            };
            let mut all = written(r * c, |y| batch_norm(&x, &norm, y));
            let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
            all.extend(written(r * c, |dx| {
                batch_norm_backward(&x, &norm, false, &dy, dx, &mut dgamma, &mut dbeta);
            }));
            [all, mean, rstd, dgamma, dbeta].concat()
        });
    }
}
