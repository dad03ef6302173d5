//! Stretching operands to a common shape (NumPy's rules), and taking it back for gradients.

use unfold_kernels::{self as kernels, Buffer};

use crate::Float;
use crate::shape::{MAX_RANK, Shape};
use crate::tensor::Tensor;

/// `x` repeated to `shape`. Values only: not recorded.
pub(crate) fn stretch<E: Float>(x: &Tensor<E>, shape: Shape) -> Tensor<E> {
    if x.shape() == shape {
        return x.detach();
    }
    let mut out = Buffer::scratch(shape.len());
    let values = x.data();
    walk(x.shape(), shape, |from, to| out[to] = values[from]);
    Tensor::from_buffer(out, shape)
}

/// The gradient of an operand of `shape`, from the gradient of its stretched form: the sum over
/// everything that was repeated.
pub(crate) fn undo<E: Float>(gradient: Tensor<E>, shape: Shape) -> Tensor<E> {
    if gradient.shape() == shape {
        return gradient;
    }
    let mut out = Buffer::zeros(shape.len());
    if is_suffix(shape, gradient.shape()) {
        kernels::column_sums(gradient.data(), &mut out, false);
    } else {
        let values = gradient.data();
        walk(shape, gradient.shape(), |to, from| out[to] += values[from]);
    }
    Tensor::from_buffer(out, shape)
}

/// Whether `inner` repeats over `outer` as whole rows: equal to its last axes (leading ones
/// of extent 1 do not count).
pub(crate) fn is_suffix(inner: Shape, outer: Shape) -> bool {
    let leading = inner.dims().iter().take_while(|&&d| d == 1).count();
    outer.dims().ends_with(&inner.dims()[leading..])
}

/// Calls `visit(index in small, index in large)` for every element of `large`, in order.
fn walk(small: Shape, large: Shape, mut visit: impl FnMut(usize, usize)) {
    let rank = large.rank();
    let mut steps = [0; MAX_RANK];
    let mut stride = 1;
    for axis in (0..rank).rev() {
        let extent = small.aligned(axis, rank);
        steps[axis] = if extent == 1 { 0 } else { stride };
        stride *= extent;
    }
    let mut at = [0; MAX_RANK];
    let mut from = 0;
    for to in 0..large.len() {
        visit(from, to);
        for axis in (0..rank).rev() {
            at[axis] += 1;
            from += steps[axis];
            if at[axis] < large.dims()[axis] {
                break;
            }
            from -= steps[axis] * at[axis];
            at[axis] = 0;
        }
    }
}
