//! Attention.

use crate::testing::{Random, at_every_level, close, same_bits, written};
use crate::{Attention, Float, attention, attention_backward, naive};

/// Queries, pictures, places, features, channels.
#[cfg(not(miri))]
const CASES: [[usize; 5]; 7] = [
    [0, 2, 3, 4, 5],
    [1, 1, 1, 1, 1],
    [2, 2, 4, 8, 16],
    [3, 5, 9, 7, 17],
    [4, 4, 49, 31, 3],
    [2, 3, 8, 33, 0],
    [7, 7, 16, 16, 31],
];
#[cfg(miri)]
const CASES: [[usize; 5]; 2] = [[1, 1, 1, 1, 1], [2, 3, 5, 7, 9]];

struct Case<E> {
    sizes: Attention,
    keys: Vec<E>,
    query: Vec<E>,
    weight: Vec<E>,
    values: Vec<E>,
    dalpha: Vec<E>,
    dcontext: Vec<E>,
}

impl<E: Float> Case<E> {
    fn new([b, pictures, l, k, c]: [usize; 5], random: &mut Random) -> Case<E> {
        Case {
            sizes: Attention {
                places: l,
                features: k,
                channels: c,
            },
            keys: random.vec(pictures * l * k),
            query: random.vec(b * k),
            weight: random.vec(k),
            values: random.vec(pictures * l * c),
            dalpha: random.vec(b * l),
            dcontext: random.vec(b * c),
        }
    }

    fn forward(&self, plain: bool) -> [Vec<E>; 2] {
        let Case {
            sizes,
            keys,
            query,
            weight,
            values,
            ..
        } = self;
        let run = if plain { naive::attention } else { attention };
        let mut alpha = vec![E::ONE; self.dalpha.len()];
        let context = written(self.dcontext.len(), |context| {
            run(*sizes, keys, query, weight, values, &mut alpha, context);
        });
        [alpha, context]
    }

    fn backward(&self, alpha: &[E], looked: bool, plain: bool) -> [Vec<E>; 4] {
        let Case {
            sizes,
            keys,
            query,
            weight,
            values,
            ..
        } = self;
        let run = if plain {
            naive::attention_backward
        } else {
            attention_backward
        };
        let mut all = [keys, query, weight, values].map(|input| vec![E::ONE; input.len()]);
        let [dkeys, dquery, dweight, dvalues] = &mut all;
        let dalpha = looked.then_some(&self.dalpha[..]);
        run(
            *sizes,
            keys,
            query,
            weight,
            values,
            alpha,
            &self.dcontext,
            dalpha,
            dkeys,
            dquery,
            dweight,
            dvalues,
        );
        all
    }
}

fn plain_form<E: Float>() {
    let mut random = Random::new(41);
    for sizes in CASES {
        let case = Case::<E>::new(sizes, &mut random);
        let want = case.forward(true);
        for (got, want) in case.forward(false).iter().zip(&want) {
            close(got, want, 80.0, "attention");
        }
        for looked in [false, true] {
            let got = case.backward(&want[0], looked, false);
            let want = case.backward(&want[0], looked, true);
            for (got, want) in got.iter().zip(&want) {
                close(got, want, 80.0, "attention_backward");
            }
        }
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        plain_form::<f32>();
        plain_form::<f64>();
    });
}

#[test]
fn threads_change_no_bit() {
    let case = Case::<f32>::new([9, 9, 49, 64, 65], &mut Random::new(42));
    same_bits("attention", || {
        let [alpha, context] = case.forward(false);
        let gradients = case.backward(&alpha, true, false);
        [vec![alpha, context], gradients.to_vec()].concat().concat()
    });
}
