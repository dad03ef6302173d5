//! Group normalisation.

use crate::testing::{Random, at_every_level, close, same_bits, written};
use crate::{Float, GroupNorm, group_norm, group_norm_backward, naive};

/// The output and figures of forward, then the three gradients.
fn all<E: Float>(
    random: &mut Random,
    sizes: GroupNorm,
    rows: usize,
    forward: Forward<E>,
    backward: Backward<E>,
) -> Vec<Vec<E>> {
    let GroupNorm {
        batch,
        channels: c,
        groups,
    } = sizes;
    let n = batch * rows * c;
    let x = &random.vec::<E>(n + 1)[1..];
    let (gamma, beta) = (&random.vec::<E>(c + 1)[1..], &random.vec::<E>(c + 1)[1..]);
    let dy = &random.vec::<E>(n + 1)[1..];
    let mut figures = vec![E::ONE; batch * 2 * groups];
    let eps = E::from_f64(1e-2);
    let y = written(n, |y| forward(x, sizes, gamma, beta, eps, y, &mut figures));
    let (mut dgamma, mut dbeta) = (vec![E::ONE; c], vec![E::ONE; c]);
    let dx = written(n, |dx| {
        backward(x, sizes, gamma, &figures, dy, dx, &mut dgamma, &mut dbeta);
    });
    vec![y, figures, dx, dgamma, dbeta]
}

type Forward<E> = fn(&[E], GroupNorm, &[E], &[E], E, &mut [E], &mut [E]);
type Backward<E> = fn(&[E], GroupNorm, &[E], &[E], &[E], &mut [E], &mut [E], &mut [E]);

fn check<E: Float>() {
    for (batch, rows, channels, groups) in [
        (1, 1, 1, 1),
        (2, 7, 4, 2),
        (3, 5, 6, 6),
        (2, 9, 6, 1),
        (2, 35, 67, 67),
        (1, 300, 130, 10),
        (0, 3, 4, 2),
    ] {
        let sizes = GroupNorm {
            batch,
            channels,
            groups,
        };
        let run =
            |forward, backward| all::<E>(&mut Random::new(31), sizes, rows, forward, backward);
        let got = run(group_norm, group_norm_backward);
        let want = run(naive::group_norm, naive::group_norm_backward);
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            close(got, want, 4000.0, &format!("{sizes:?} {i}"));
        }
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        check::<f32>();
        check::<f64>();
    });
}

#[test]
fn same_bits_with_any_number_of_threads() {
    for (batch, rows, channels, groups) in [(1, 5000, 12, 4), (7, 64, 66, 3)] {
        let sizes = GroupNorm {
            batch,
            channels,
            groups,
        };
        same_bits("group_norm", || {
            let random = &mut Random::new(32);
            all::<f32>(random, sizes, rows, group_norm, group_norm_backward).concat()
        });
    }
}
