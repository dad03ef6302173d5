//! Batch normalisation: each column of a matrix by its own mean and variance.
//!
//! These are passes over memory, so what counts is how often each matrix is read: statistics of a chunk of
//! rows take two rounds while the chunk lies in the cache, and the mask of an activation is computed again from what
//! backward reads anyway. A narrow matrix `[R, C]` is read as `[R / g, g C]`, the last row perhaps short, so
//! that sums do not wait for each other; what belongs to one column is put together at the end.

use crate::activation::Activation;
use crate::buffer::Buffer;
use crate::float::Float;
use crate::simd::{Kernel, Vector, places};
use crate::threads::parallel_rows;

/// Columns of the wide form at least.
const WIDE: usize = 128;
/// Elements of a chunk, about: it stays in the cache.
const CHUNK: usize = 16 * 1024;

/// How a matrix of `c` columns is cut.
#[derive(Clone, Copy)]
struct Cut {
    c: usize,
    /// Columns of the wide form.
    wide: usize,
    /// Rows of a chunk.
    rows: usize,
}

impl Cut {
    fn new(c: usize) -> Self {
        let side_by_side = WIDE.div_ceil(c.max(1));
        Cut {
            c,
            wide: side_by_side * c,
            rows: (CHUNK / c.max(1)).max(16),
        }
    }

    fn chunk<'a, E>(&self, x: &'a [E], number: usize) -> &'a [E] {
        let start = number * self.rows * self.c;
        &x[start..x.len().min(start + self.rows * self.c)]
    }

    fn chunks(&self, len: usize) -> usize {
        len.checked_div(self.c).unwrap_or(0).div_ceil(self.rows)
    }

    /// The values of each column, as often as the wide form has it.
    fn widen<E: Float>(&self, value: impl Fn(usize) -> E) -> Buffer<E> {
        let mut wide = Buffer::scratch(self.wide);
        for row in wide.chunks_exact_mut(self.c.max(1)) {
            row.iter_mut()
                .enumerate()
                .for_each(|(j, to)| *to = value(j));
        }
        wide
    }

    /// The sums over all chunks of two figures `[chunks, 2, wide]` of each column:
    /// `add(how many elements the figures are of, column, the two)`.
    fn gather<E: Float>(
        &self,
        len: usize,
        figures: &[E],
        mut add: impl FnMut(f64, usize, f64, f64),
    ) {
        for (number, figures) in figures.chunks_exact((2 * self.wide).max(1)).enumerate() {
            let rows = (self.rows).min(len / self.c - number * self.rows);
            let side_by_side = self.wide / self.c;
            let (a, b) = figures.split_at(self.wide);
            let parts = a.chunks_exact(self.c).zip(b.chunks_exact(self.c));
            for (part, (a, b)) in parts.enumerate() {
                let count = (rows + side_by_side - 1 - part) / side_by_side;
                for (j, (a, b)) in a.iter().zip(b).enumerate() {
                    add(count as f64, j, a.to_f64(), b.to_f64());
                }
            }
        }
    }
}

/// The mean of each column of a chunk in wide form, and the sum of the squares about it.
struct Moments<'a, E> {
    x: &'a [E],
    mean: &'a mut [E],
    squares: &'a mut [E],
}

impl<E: Float> Kernel<E> for Moments<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (x, mean, squares) = (self.x, self.mean, self.squares);
        let wide = mean.len();
        mean.fill(E::ZERO);
        for x in x.chunks(wide) {
            for at in places::<V>(x.len()) {
                let sum = V::read(&mean[at.clone()]).add(V::read(&x[at.clone()]));
                sum.write(&mut mean[at]);
            }
        }
        let (rows, rest) = (x.len() / wide, x.len() % wide);
        for (i, mean) in mean.iter_mut().enumerate() {
            let count = rows + usize::from(i < rest);
            *mean = *mean / E::from_usize(count.max(1));
        }
        squares.fill(E::ZERO);
        for x in x.chunks(wide) {
            for at in places::<V>(x.len()) {
                let x = V::read(&x[at.clone()]).sub(V::read(&mean[at.clone()]));
                let sum = x.mul_add(x, V::read(&squares[at.clone()]));
                sum.write(&mut squares[at]);
            }
        }
    }
}

/// The `mean [C]` and the biased `variance [C]` of each column of `x [R, C]`; both 0 without a row.
///
/// Chunks of rows give theirs about their own mean, and these are joined in `f64`: no difference of large
/// sums is taken.
///
/// # Panics
/// If the shapes do not fit; so do the other functions here.
pub fn column_moments<E: Float>(x: &[E], mean: &mut [E], variance: &mut [E]) {
    let c = mean.len();
    assert!(
        x.len().is_multiple_of(c.max(1)) && variance.len() == c,
        "column_moments: expected x [R, {c}] and variance [{c}]"
    );
    let cut = Cut::new(c);
    let mut figures = Buffer::scratch(cut.chunks(x.len()) * 2 * cut.wide);
    parallel_rows(&mut figures, 2 * cut.wide, 1, |number, figures| {
        let (mean, squares) = figures.split_at_mut(cut.wide);
        E::dispatch(Moments {
            x: cut.chunk(x, number),
            mean,
            squares,
        });
    });
    let rows = (x.len() / c.max(1)).max(1) as f64;
    let (mut centre, mut spread) = (vec![0.0; c], vec![0.0; c]);
    cut.gather(x.len(), &figures, |count, j, mean, _| {
        centre[j] += count * mean / rows;
    });
    cut.gather(x.len(), &figures, |count, j, mean, squares| {
        spread[j] += (squares + count * (mean - centre[j]) * (mean - centre[j])) / rows;
    });
    for j in 0..c {
        (mean[j], variance[j]) = (E::from_f64(centre[j]), E::from_f64(spread[j]));
    }
}

/// What forward and backward share: the columns' figures in wide form.
struct Columns<E: Float> {
    cut: Cut,
    mean: Buffer<E>,
    scale: Buffer<E>,
    shift: Buffer<E>,
    activation: Activation,
}

impl<E: Float> Columns<E> {
    fn new(norm: &BatchNorm<'_, E>) -> Self {
        let cut = Cut::new(norm.mean.len());
        Columns {
            cut,
            mean: cut.widen(|j| norm.mean[j]),
            scale: cut.widen(|j| norm.gamma[j] * norm.rstd[j]),
            shift: cut.widen(|j| norm.beta[j]),
            activation: norm.activation,
        }
    }
}

struct Forward<'a, E: Float> {
    x: &'a [E],
    columns: &'a Columns<E>,
    y: &'a mut [E],
}

impl<E: Float> Kernel<E> for Forward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Columns {
            cut,
            mean,
            scale,
            shift,
            activation,
        } = self.columns;
        for (x, y) in self.x.chunks(cut.wide).zip(self.y.chunks_mut(cut.wide)) {
            for at in places::<V>(x.len()) {
                let x = V::read(&x[at.clone()]).sub(V::read(&mean[at.clone()]));
                let z = x.mul_add(V::read(&scale[at.clone()]), V::read(&shift[at.clone()]));
                activation.apply(z).write(&mut y[at]);
            }
        }
    }
}

/// The figures of a normalisation by columns, all `[C]`: `y = activation(gamma (x - mean) rstd + beta)`. `rstd` is `1 / sqrt(variance + eps)`.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a, E> {
    /// What becomes 0.
    pub mean: &'a [E],
    /// What makes the variance 1.
    pub rstd: &'a [E],
    /// The scale after it.
    pub gamma: &'a [E],
    /// The shift after it.
    pub beta: &'a [E],
    /// What follows.
    pub activation: Activation,
}

impl<E: Float> BatchNorm<'_, E> {
    #[track_caller]
    fn check(&self, name: &str, lengths: &[usize]) {
        let c = self.mean.len();
        assert!(
            [self.rstd, self.gamma, self.beta]
                .iter()
                .all(|v| v.len() == c)
                && lengths[0].is_multiple_of(c.max(1))
                && lengths.iter().all(|n| *n == lengths[0])
                && (c > 0 || lengths[0] == 0),
            "{name}: expected figures [{c}] and matrices [R, {c}], got {lengths:?} elements"
        );
    }
}

/// `y [R, C]` from `x [R, C]`, each column by its figures.
pub fn batch_norm<E: Float>(x: &[E], norm: &BatchNorm<'_, E>, y: &mut [E]) {
    norm.check("batch_norm", &[x.len(), y.len()]);
    let columns = &Columns::new(norm);
    let Cut { c, rows, .. } = columns.cut;
    parallel_rows(y, c, rows, |first, y| {
        let x = &x[first * c..][..y.len()];
        E::dispatch(Forward { x, columns, y });
    });
}

/// The sums of g and g (x - mean) over a chunk in wide form, with g the gradient before the activation.
struct Sums<'a, E: Float> {
    x: &'a [E],
    dy: &'a [E],
    columns: &'a Columns<E>,
    g_sum: &'a mut [E],
    gx_sum: &'a mut [E],
}

impl<E: Float> Kernel<E> for Sums<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (g_sum, gx_sum, wide) = (self.g_sum, self.gx_sum, self.columns.cut.wide);
        g_sum.fill(E::ZERO);
        gx_sum.fill(E::ZERO);
        for (x, dy) in self.x.chunks(wide).zip(self.dy.chunks(wide)) {
            for at in places::<V>(x.len()) {
                let (x, g) = centred_and_masked::<V>(self.columns, x, dy, at.clone());
                let sum = V::read(&g_sum[at.clone()]).add(g);
                sum.write(&mut g_sum[at.clone()]);
                let sum = g.mul_add(x, V::read(&gx_sum[at.clone()]));
                sum.write(&mut gx_sum[at]);
            }
        }
    }
}

/// x - mean, and dy where forward let it through: the same arithmetic as there decides.
#[inline(always)]
fn centred_and_masked<V: Vector>(
    columns: &Columns<V::Elem>,
    x: &[V::Elem],
    dy: &[V::Elem],
    at: std::ops::Range<usize>,
) -> (V, V) {
    let x = V::read(&x[at.clone()]).sub(V::read(&columns.mean[at.clone()]));
    let dy = V::read(&dy[at.clone()]);
    if columns.activation == Activation::Identity {
        return (x, dy);
    }
    let z = x.mul_add(
        V::read(&columns.scale[at.clone()]),
        V::read(&columns.shift[at]),
    );
    (x, columns.activation.backward(z, dy))
}

/// dx = scale g - a - b (x - mean).
struct Backward<'a, E: Float> {
    x: &'a [E],
    dy: &'a [E],
    columns: &'a Columns<E>,
    a: &'a [E],
    b: &'a [E],
    dx: &'a mut [E],
}

impl<E: Float> Kernel<E> for Backward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (columns, wide) = (self.columns, self.columns.cut.wide);
        let inputs = self.x.chunks(wide).zip(self.dy.chunks(wide));
        for (dx, (x, dy)) in self.dx.chunks_mut(wide).zip(inputs) {
            for at in places::<V>(x.len()) {
                let (x, g) = centred_and_masked::<V>(columns, x, dy, at.clone());
                let off = x.mul_add(V::read(&self.b[at.clone()]), V::read(&self.a[at.clone()]));
                let dx_ = g.mul(V::read(&columns.scale[at.clone()])).sub(off);
                dx_.write(&mut dx[at]);
            }
        }
    }
}

/// [`batch_norm_backward`] where columns share their mean and variance: `groups` equal parts of them that lie side by
/// side.
pub(crate) fn grouped_backward<E: Float>(
    x: &[E],
    norm: &BatchNorm<'_, E>,
    groups: usize,
    dy: &[E],
    dx: &mut [E],
    dgamma: &mut [E],
    dbeta: &mut [E],
) {
    let columns = &Columns::new(norm);
    sums(x, norm, columns, dy, dgamma, dbeta);
    let (c, part) = (columns.cut.c, columns.cut.c / groups);
    let count = E::from_usize((x.len() / groups).max(1));
    // rstd mean(gamma g), and rstd^2 mean(gamma g h), of each group.
    let (mut a, mut b) = (vec![E::ZERO; groups], vec![E::ZERO; groups]);
    for j in 0..c {
        a[j / part] += norm.gamma[j] * dbeta[j] * norm.rstd[j] / count;
        b[j / part] += norm.gamma[j] * dgamma[j] * norm.rstd[j] * norm.rstd[j] / count;
    }
    backward(x, columns, dy, |j| a[j / part], |j| b[j / part], dx);
}

/// The gradients of [`batch_norm`], `dx [R, C]`, `dgamma [C]` and `dbeta [C]`. With `g` the gradient `dy [R, C]`
/// where the activation lets it through, and `h = (x - mean) rstd`: `dbeta = sum of g`, `dgamma = sum of g h`,
/// and `dx = gamma rstd (g - mean(g) - h mean(g h))` where mean and variance are those of `x`, or
/// `gamma rstd g` where they are `constant`.
pub fn batch_norm_backward<E: Float>(
    x: &[E],
    norm: &BatchNorm<'_, E>,
    constant: bool,
    dy: &[E],
    dx: &mut [E],
    dgamma: &mut [E],
    dbeta: &mut [E],
) {
    norm.check("batch_norm_backward", &[x.len(), dy.len(), dx.len()]);
    let columns = &Columns::new(norm);
    let c = columns.cut.c;
    assert!(
        dgamma.len() == c && dbeta.len() == c,
        "batch_norm_backward: expected gradients [{c}]"
    );
    sums(x, norm, columns, dy, dgamma, dbeta);
    let rows = E::from_usize((x.len() / c.max(1)).max(1));
    let share = |j: usize, sum: E| match constant {
        true => E::ZERO,
        false => norm.gamma[j] * norm.rstd[j] * sum / rows,
    };
    let (a, b) = (
        |j: usize| share(j, dbeta[j]),
        |j: usize| share(j, dgamma[j] * norm.rstd[j]),
    );
    backward(x, columns, dy, a, b, dx);
}

/// The sums over all rows of g and g h of each column.
fn sums<E: Float>(
    x: &[E],
    norm: &BatchNorm<'_, E>,
    columns: &Columns<E>,
    dy: &[E],
    dgamma: &mut [E],
    dbeta: &mut [E],
) {
    let cut = columns.cut;
    let mut figures = Buffer::scratch(cut.chunks(x.len()) * 2 * cut.wide);
    parallel_rows(&mut figures, 2 * cut.wide, 1, |number, figures| {
        let (g_sum, gx_sum) = figures.split_at_mut(cut.wide);
        E::dispatch(Sums {
            x: cut.chunk(x, number),
            dy: cut.chunk(dy, number),
            columns,
            g_sum,
            gx_sum,
        });
    });
    let (mut g_sum, mut gx_sum) = (vec![0.0; cut.c], vec![0.0; cut.c]);
    cut.gather(x.len(), &figures, |_, j, g, gx| {
        g_sum[j] += g;
        gx_sum[j] += gx;
    });
    for j in 0..cut.c {
        dbeta[j] = E::from_f64(g_sum[j]);
        dgamma[j] = E::from_f64(gx_sum[j]) * norm.rstd[j];
    }
}

/// `dx = gamma rstd g - a - b (x - mean)`, with `a` and `b` of each column.
fn backward<E: Float>(
    x: &[E],
    columns: &Columns<E>,
    dy: &[E],
    a: impl Fn(usize) -> E,
    b: impl Fn(usize) -> E,
    dx: &mut [E],
) {
    let cut = columns.cut;
    let (a, b) = (cut.widen(a), cut.widen(b));
    parallel_rows(dx, cut.c, cut.rows, |first, dx| {
        let at = first * cut.c..first * cut.c + dx.len();
        E::dispatch(Backward {
            x: &x[at.clone()],
            dy: &dy[at],
            columns,
            a: &a,
            b: &b,
            dx,
        });
    });
}
