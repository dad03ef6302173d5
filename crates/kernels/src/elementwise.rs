//! Functions of one or two elements at a time.

use crate::float::Float;
use crate::simd::{Kernel, Vector};
use crate::threads::parallel_rows;

/// Elements a task takes.
const BLOCK: usize = 16 * 1024;

/// A function of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl BinaryOp {
    #[inline(always)]
    fn apply<V: Vector>(self, a: V, b: V) -> V {
        match self {
            BinaryOp::Add => a.add(b),
            BinaryOp::Sub => a.sub(b),
            BinaryOp::Mul => a.mul(b),
            BinaryOp::Div => a.div(b),
        }
    }
}

/// `y[i] = f(x[i])`, a vector at a time.
#[inline(always)]
fn map<V: Vector>(x: &[V::Elem], y: &mut [V::Elem], f: impl Fn(V) -> V) {
    for (x, y) in x.chunks(V::LANES).zip(y.chunks_mut(V::LANES)) {
        f(V::read(x)).write(y);
    }
}

/// `y[i] = f(a[i], b[i])`, a vector at a time.
#[inline(always)]
fn zip<V: Vector>(a: &[V::Elem], b: &[V::Elem], y: &mut [V::Elem], f: impl Fn(V, V) -> V) {
    for ((a, b), y) in a
        .chunks(V::LANES)
        .zip(b.chunks(V::LANES))
        .zip(y.chunks_mut(V::LANES))
    {
        f(V::read(a), V::read(b)).write(y);
    }
}

struct Unary<'a, E>(UnaryOp, &'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for Unary<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Unary(op, x, y) = self;
        let zero = V::splat(E::ZERO);
        match op {
            UnaryOp::Neg => map(x, y, |x: V| zero.sub(x)),
            UnaryOp::Exp => map(x, y, |x: V| x.exp()),
            UnaryOp::Ln => map(x, y, |x: V| x.ln()),
            UnaryOp::Tanh => map(x, y, |x: V| x.tanh()),
            UnaryOp::Sigmoid => map(x, y, |x: V| x.sigmoid()),
            UnaryOp::Relu => map(x, y, |x: V| zero.select_gt(x, zero, x)),
            UnaryOp::Sqrt => map(x, y, |x: V| x.sqrt()),
            UnaryOp::Square => map(x, y, |x: V| x.mul(x)),
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
            UnaryOp::Neg => map(dy, dx, |dy: V| zero.sub(dy)),
            UnaryOp::Exp => zip(y, dy, dx, |y: V, dy| y.mul(dy)),
            UnaryOp::Ln => zip(x, dy, dx, |x: V, dy| dy.div(x)),
            UnaryOp::Tanh => zip(y, dy, dx, |y: V, dy| dy.mul(one.sub(y.mul(y)))),
            UnaryOp::Sigmoid => zip(y, dy, dx, |y: V, dy| dy.mul(y.mul(one.sub(y)))),
            UnaryOp::Relu => zip(y, dy, dx, |y: V, dy| y.select_gt(zero, dy, zero)),
            UnaryOp::Sqrt => zip(y, dy, dx, |y: V, dy| dy.div(two.mul(y))),
            UnaryOp::Square => zip(x, dy, dx, |x: V, dy| two.mul(x).mul(dy)),
        }
    }
}

/// `dx = dy op'(x)`. Reads `x` for the logarithm and the square, `y` for all others but the negative.
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
        match op {
            BinaryOp::Add => zip(a, b, out, |a: V, b| BinaryOp::Add.apply(a, b)),
            BinaryOp::Sub => zip(a, b, out, |a: V, b| BinaryOp::Sub.apply(a, b)),
            BinaryOp::Mul => zip(a, b, out, |a: V, b| BinaryOp::Mul.apply(a, b)),
            BinaryOp::Div => zip(a, b, out, |a: V, b| BinaryOp::Div.apply(a, b)),
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
        let (scale, shift) = (V::splat(self.1), V::splat(self.2));
        map(self.0, self.3, |x: V| x.mul_add(scale, shift));
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
