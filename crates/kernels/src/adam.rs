//! Adam's step, in one pass over values, gradients and moments.

use crate::denormals::Flush;
use crate::float::Float;
use crate::simd::{Kernel, Vector, places};

/// The numbers of one step of Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019).
#[derive(Clone, Copy, Debug)]
pub struct Adam<E> {
    /// What values are scaled by first: decoupled weight decay.
    pub keep: E,
    /// What the gradient gains times the value: weight decay as a penalty.
    pub penalty: E,
    /// How much of the mean gradient is kept, and the share of the new one.
    pub mean: [E; 2],
    /// How much of the mean square is kept, and the share of the new one.
    pub mean_square: [E; 2],
    /// The learning rate over the mean's correction.
    pub rate: E,
    /// What the root of the mean square is scaled by: its correction.
    pub scale: E,
    /// Keeps the quotient finite.
    pub epsilon: E,
}

struct Step<'a, E> {
    step: Adam<E>,
    w: &'a mut [E],
    g: &'a [E],
    m: &'a mut [E],
    v: &'a mut [E],
}

impl<E: Float> Kernel<E> for Step<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Step { step, w, g, m, v } = self;
        let (keep, penalty) = (V::splat(step.keep), V::splat(step.penalty));
        let [keep_m, fresh_m] = [V::splat(step.mean[0]), V::splat(step.mean[1])];
        let [keep_v, fresh_v] = [V::splat(step.mean_square[0]), V::splat(step.mean_square[1])];
        let (rate, scale) = (V::splat(step.rate), V::splat(step.scale));
        let epsilon = V::splat(step.epsilon);
        for at in places::<V>(w.len()) {
            let old = V::read(&w[at.clone()]);
            let g = penalty.mul_add(old, V::read(&g[at.clone()]));
            let mean = keep_m.mul_add(V::read(&m[at.clone()]), fresh_m.mul(g));
            let square = keep_v.mul_add(V::read(&v[at.clone()]), fresh_v.mul(g).mul(g));
            mean.write(&mut m[at.clone()]);
            square.write(&mut v[at.clone()]);
            let step = rate.mul(mean).div(square.sqrt().mul_add(scale, epsilon));
            keep.mul(old).sub(step).write(&mut w[at]);
        }
    }
}

/// Changes `values` along `gradients`, and their running means:
///
/// g = gradient + penalty w;  m = mean_0 m + mean_1 g;  v = mean_square_0 v + mean_square_1 g^2;
/// w = keep w - rate m / (scale sqrt(v) + epsilon)
///
/// Runs on the calling thread: a block of a larger stretch, as a rule.
///
/// # Panics
/// If the lengths differ.
pub fn adam<E: Float>(
    step: Adam<E>,
    values: &mut [E],
    gradients: &[E],
    mean: &mut [E],
    mean_square: &mut [E],
) {
    let n = values.len();
    assert!(
        gradients.len() == n && mean.len() == n && mean_square.len() == n,
        "adam: all have the same length"
    );
    let _flush = Flush::start();
    E::dispatch(Step {
        step,
        w: values,
        g: gradients,
        m: mean,
        v: mean_square,
    });
}
