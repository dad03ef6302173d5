//! Adam's step.

use crate::testing::{Random, SIZES, at_every_level, close};
use crate::{Adam, Float, adam, naive};

fn steps<E: Float>() {
    let mut random = Random::new(31);
    for n in SIZES {
        let number = E::from_f64;
        let step = Adam {
            keep: number(0.99),
            penalty: number(0.03),
            mean: [0.9, 0.1].map(number),
            mean_square: [0.999, 0.001].map(number),
            rate: number(0.02),
            scale: number(1.5),
            epsilon: number(1e-3),
        };
        let (w, g, m) = (random.vec::<E>(n), random.vec::<E>(n), random.vec::<E>(n));
        let v: Vec<E> = random.vec::<E>(n).iter().map(|v| v.abs()).collect();
        let run = |plain: bool| {
            let (mut w, mut m, mut v) = (w.clone(), m.clone(), v.clone());
            if plain {
                naive::adam(step, &mut w, &g, &mut m, &mut v);
            } else {
                adam(step, &mut w, &g, &mut m, &mut v);
            }
            [w, m, v].concat()
        };
        close(&run(false), &run(true), 8.0, "adam");
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        steps::<f32>();
        steps::<f64>();
    });
}
