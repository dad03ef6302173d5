//! Layer normalisation.

use crate::testing::{Random, SIZES, at_every_level, close, same_bits, written};
use crate::{Float, layer_norm, layer_norm_backward, naive};

fn all<E: Float>() {
    let mut random = Random::new(14);
    for c in SIZES.into_iter().filter(|&c| c > 0) {
        for r in [0, 1, 5, 64] {
            let eps = E::from_f64(1e-2);
            let x = &random.vec::<E>(r * c + 1)[1..];
            let (gamma, beta) = (&random.vec::<E>(c + 1)[1..], &random.vec::<E>(c + 1)[1..]);
            let dy = &random.vec::<E>(r * c + 1)[1..];
            let (mut mean, mut rstd) = (vec![E::ZERO; r], vec![E::ZERO; r]);
            let (mut mean2, mut rstd2) = (vec![E::ZERO; r], vec![E::ZERO; r]);
            let y = written(r * c, |y| {
                layer_norm(x, gamma, beta, eps, y, &mut mean, &mut rstd)
            });
            let want = written(r * c, |y| {
                naive::layer_norm(x, gamma, beta, eps, y, &mut mean2, &mut rstd2);
            });
            close(&y, &want, 400.0, "layer_norm");
            close(&mean, &mean2, 100.0, "mean");
            close(&rstd, &rstd2, 400.0, "rstd");
            let (mut dgamma, mut dbeta) = (vec![E::ZERO; c], vec![E::ZERO; c]);
            let (mut dgamma2, mut dbeta2) = (vec![E::ZERO; c], vec![E::ZERO; c]);
            close(
                &written(r * c, |dx| {
                    layer_norm_backward(x, gamma, &mean, &rstd, dy, dx, &mut dgamma, &mut dbeta);
                }),
                &written(r * c, |dx| {
                    naive::layer_norm_backward(
                        x,
                        gamma,
                        &mean,
                        &rstd,
                        dy,
                        dx,
                        &mut dgamma2,
                        &mut dbeta2,
                    );
                }),
                4000.0,
                "dx",
            );
            close(&dgamma, &dgamma2, 400.0, "dgamma");
            close(&dbeta, &dbeta2, 400.0, "dbeta");
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
    let (r, c) = (1009, 67);
    let mut random = Random::new(15);
    let (x, dy) = (random.vec::<f32>(r * c), random.vec::<f32>(r * c));
    let (gamma, beta) = (random.vec::<f32>(c), random.vec::<f32>(c));
    same_bits("layer_norm", || {
        let (mut mean, mut rstd) = (vec![0.0; r], vec![0.0; r]);
        let mut all = written(r * c, |y| {
            layer_norm(&x, &gamma, &beta, 1e-5, y, &mut mean, &mut rstd);
        });
        let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
        all.extend(written(r * c, |dx| {
            layer_norm_backward(&x, &gamma, &mean, &rstd, &dy, dx, &mut dgamma, &mut dbeta);
        }));
        all.extend(dgamma.into_iter().chain(dbeta));
        all
    });
}
