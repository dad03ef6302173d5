//! Functions of one or two elements at a time.

use crate::float::Float;
use crate::simd::{Kernel, Vector};
use crate::threads::parallel_rows;

/// Elements a task takes.
const BLOCK: usize = 16 * 1024;

/// A function of one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UnaryOp {
    /// -x
    Neg,
    /// e^x
    Exp,
    /// The natural logarithm.
    Ln,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// max(x, 0)
    Relu,
    /// The square root.
    Sqrt,
    /// x^2
    Square,
    /// min(max(x, 0), 6)
    Relu6,
    /// x, or this slope of at least 0 times x below 0.
    LeakyRelu(f64),
    /// x / (1 + e^-x)
    Silu,
    /// x times the share of a normal distribution of mean 0 and deviation 1 that lies below x.
    Gelu,
    /// x min(max(x + 3, 0), 6) / 6
    HardSwish,
}

/// A function of two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a b
    Mul,
    /// a / b
    Div,
    /// max(a + b, 0)
    AddRelu,
}

/// `map!(y = f, x from a, ..)` sets each `y[i]` to `f`, where `x` is `a[i]`, a vector at a time. A macro, since a
/// closure left out of line is compiled without the instruction set.
macro_rules! map {
    ($y:ident = $f:expr, $($x:ident from $slice:expr),+) => {{
        let y = $y;
        let n = y.len();
        $(let $x = &$slice[..n];)+
        let mut i = 0;
        while i < n {
            let at = i..n.min(i + V::LANES);
            let value: V = {
                $(let $x = V::read(&$x[at.clone()]);)+
                $f
            };
            value.write(&mut y[at]);
            i += V::LANES;
        }
    }};
}

struct Unary<'a, E>(UnaryOp, &'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for Unary<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Unary(op, x, y) = self;
        let zero = V::splat(E::ZERO);
        match op {
            UnaryOp::Neg => map!(y = zero.sub(x), x from x),
            UnaryOp::Exp => map!(y = x.exp(), x from x),
            UnaryOp::Ln => map!(y = x.ln(), x from x),
            UnaryOp::Tanh => map!(y = x.tanh(), x from x),
            UnaryOp::Sigmoid => map!(y = x.sigmoid(), x from x),
            UnaryOp::Relu => map!(y = zero.select_gt(x, zero, x), x from x),
            UnaryOp::Sqrt => map!(y = x.sqrt(), x from x),
            UnaryOp::Square => map!(y = x.mul(x), x from x),
            UnaryOp::Relu6 => {
                let six = V::splat(E::from_f64(6.0));
                map!(y = { let x = zero.select_gt(x, zero, x); x.select_gt(six, six, x) }, x from x);
            }
            UnaryOp::LeakyRelu(slope) => {
                let slope = V::splat(E::from_f64(slope));
                map!(y = x.select_gt(zero, x, x.mul(slope)), x from x);
            }
            UnaryOp::Silu => map!(y = x.mul(x.sigmoid()), x from x),
            UnaryOp::Gelu => map!(y = x.mul(x.normal_cdf()), x from x),
            UnaryOp::HardSwish => {
                let [three, six, sixth] = [3.0, 6.0, 1.0 / 6.0].map(|v| V::splat(E::from_f64(v)));
                map!(y = {
                    let gate = x.add(three);
                    let gate = zero.select_gt(gate, zero, gate);
                    let gate = gate.select_gt(six, six, gate);
                    x.mul(gate).mul(sixth)
                }, x from x);
            }
        }
    }
}

/// `y = op(x)`, element by element.
///
/// # Panics
/// If the lengths differ.
pub fn unary<E: Float>(op: UnaryOp, x: &[E], y: &mut [E]) {
    assert_eq!(x.len(), y.len(), "unary: x and y have the same length");
    parallel_rows(y, 1, BLOCK, |first, y| {
        E::dispatch(Unary(op, &x[first..][..y.len()], y));
    });
}

struct UnaryBackward<'a, E>(UnaryOp, &'a [E], &'a [E], &'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for UnaryBackward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let UnaryBackward(op, x, y, dy, dx) = self;
        let (zero, one) = (V::splat(E::ZERO), V::splat(E::ONE));
        let two = one.add(one);
        match op {
            UnaryOp::Neg => map!(dx = zero.sub(dy), dy from dy),
            UnaryOp::Exp => map!(dx = y.mul(dy), y from y, dy from dy),
            UnaryOp::Ln => map!(dx = dy.div(x), x from x, dy from dy),
            UnaryOp::Tanh => map!(dx = dy.mul(one.sub(y.mul(y))), y from y, dy from dy),
            UnaryOp::Sigmoid => map!(dx = dy.mul(y.mul(one.sub(y))), y from y, dy from dy),
            UnaryOp::Relu => map!(dx = y.select_gt(zero, dy, zero), y from y, dy from dy),
            UnaryOp::Sqrt => map!(dx = dy.div(two.mul(y)), y from y, dy from dy),
            UnaryOp::Square => map!(dx = two.mul(x).mul(dy), x from x, dy from dy),
            UnaryOp::Relu6 => {
                let six = V::splat(E::from_f64(6.0));
                map!(dx = {
                    let dy = y.select_gt(zero, dy, zero);
                    six.select_gt(y, dy, zero)
                }, y from y, dy from dy);
            }
            UnaryOp::LeakyRelu(slope) => {
                let slope = V::splat(E::from_f64(slope));
                map!(dx = y.select_gt(zero, dy, dy.mul(slope)), y from y, dy from dy);
            }
            UnaryOp::Silu => map!(dx = {
                let s = x.sigmoid();
                dy.mul(s).mul(x.mul_add(one.sub(s), one))
            }, x from x, dy from dy),
            UnaryOp::Gelu => {
                let half = V::splat(E::from_f64(-0.5));
                let density = V::splat(E::from_f64(std::f64::consts::TAU.sqrt().recip()));
                map!(dx = {
                    let density = x.mul(x).mul(half).exp().mul(density);
                    dy.mul(x.mul_add(density, x.normal_cdf()))
                }, x from x, dy from dy);
            }
            UnaryOp::HardSwish => {
                let [three, third, half] = [3.0, 1.0 / 3.0, 0.5].map(|v| V::splat(E::from_f64(v)));
                map!(dx = {
                    let slope = x.mul_add(third, half);
                    let slope = three.select_gt(x, slope, one);
                    let slope = x.add(three).select_gt(zero, slope, zero);
                    dy.mul(slope)
                }, x from x, dy from dy);
            }
        }
    }
}

/// `dx = dy op'(x)`. Reads `x` for the logarithm, the square, SiLU, GELU and hard-swish, `y` for all others but the negative.
///
/// # Panics
/// If the lengths differ.
pub fn unary_backward<E: Float>(op: UnaryOp, x: &[E], y: &[E], dy: &[E], dx: &mut [E]) {
    let n = dx.len();
    assert!(
        x.len() == n && y.len() == n && dy.len() == n,
        "unary_backward: all have the same length"
    );
    parallel_rows(dx, 1, BLOCK, |first, dx| {
        let n = dx.len();
        E::dispatch(UnaryBackward(
            op,
            &x[first..][..n],
            &y[first..][..n],
            &dy[first..][..n],
            dx,
        ));
    });
}

struct Binary<'a, E>(BinaryOp, &'a [E], &'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for Binary<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Binary(op, a, b, out) = self;
        let zero = V::splat(E::ZERO);
        match op {
            BinaryOp::Add => map!(out = a.add(b), a from a, b from b),
            BinaryOp::Sub => map!(out = a.sub(b), a from a, b from b),
            BinaryOp::Mul => map!(out = a.mul(b), a from a, b from b),
            BinaryOp::Div => map!(out = a.div(b), a from a, b from b),
            BinaryOp::AddRelu => {
                map!(out = { let sum = a.add(b); zero.select_gt(sum, zero, sum) }, a from a, b from b);
            }
        }
    }
}

/// `out = op(a, b)`, element by element.
///
/// # Panics
/// If the lengths differ.
pub fn binary<E: Float>(op: BinaryOp, a: &[E], b: &[E], out: &mut [E]) {
    let n = out.len();
    assert!(
        a.len() == n && b.len() == n,
        "binary: all have the same length"
    );
    parallel_rows(out, 1, BLOCK, |first, out| {
        let n = out.len();
        E::dispatch(Binary(op, &a[first..][..n], &b[first..][..n], out));
    });
}

/// `out = op(a, b)` with `b [C]` repeated for every row of `a [R, C]`.
///
/// # Panics
/// If the lengths are not of that form.
pub fn binary_rows<E: Float>(op: BinaryOp, a: &[E], b: &[E], out: &mut [E]) {
    let c = b.len();
    assert!(
        a.len() == out.len() && out.len().is_multiple_of(c.max(1)),
        "binary_rows: expected [R, {c}] and [R, {c}], got {} and {} elements",
        a.len(),
        out.len()
    );
    parallel_rows(out, c, (BLOCK / c.max(1)).max(1), |first, out| {
        for (r, out) in out.chunks_exact_mut(c).enumerate() {
            E::dispatch(Binary(op, &a[(first + r) * c..][..c], b, out));
        }
    });
}

struct Affine<'a, E>(&'a [E], E, E, &'a mut [E]);

impl<E: Float> Kernel<E> for Affine<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Affine(x, scale, shift, y) = self;
        let (scale, shift) = (V::splat(scale), V::splat(shift));
        map!(y = x.mul_add(scale, shift), x from x);
    }
}

/// `y = scale x + shift`.
///
/// # Panics
/// If the lengths differ.
pub fn affine<E: Float>(x: &[E], scale: E, shift: E, y: &mut [E]) {
    assert_eq!(x.len(), y.len(), "affine: x and y have the same length");
    parallel_rows(y, 1, BLOCK, |first, y| {
        E::dispatch(Affine(&x[first..][..y.len()], scale, shift, y));
    });
}

struct AddAssign<'a, E>(&'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for AddAssign<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        for (x, y) in self.0.chunks(V::LANES).zip(self.1.chunks_mut(V::LANES)) {
            V::read(y).add(V::read(x)).write(y);
        }
    }
}

/// `y += x`.
///
/// # Panics
/// If the lengths differ.
pub fn add_assign<E: Float>(x: &[E], y: &mut [E]) {
    assert_eq!(x.len(), y.len(), "add_assign: x and y have the same length");
    parallel_rows(y, 1, BLOCK, |first, y| {
        E::dispatch(AddAssign(&x[first..][..y.len()], y));
    });
}
