//! One row per operation: its value against a plain reference, its gradient against finite
//! differences, and its gradient when one tensor is used for every input of the same shape.

mod convolutions;
mod elementwise;
mod losses;
mod pictures;
mod products;
mod recurrence;
mod sequences;
mod shapes;

use unfold::ops::{
    Activation, BatchNorm, Cell, Conv1d, Conv2d, ConvTranspose2d, CrossEntropy, IGNORE, Moments,
    Pool2d, Recurrent,
};
use unfold::testkit::{difference, gradient_error, values};
use unfold::{Key, Ragged, Tensor};

type T = Tensor<f64>;

/// A function of tensors under test.
type Function = Box<dyn Fn(&[T]) -> T>;

/// Its plain form.
type Naive = Box<dyn Fn(&[T]) -> Vec<f64>>;

struct Row {
    name: &'static str,
    inputs: Vec<T>,
    op: Function,
    naive: Naive,
}

fn row(
    name: &'static str,
    inputs: Vec<T>,
    op: impl Fn(&[T]) -> T + 'static,
    naive: impl Fn(&[T]) -> Vec<f64> + 'static,
) -> Row {
    Row {
        name,
        inputs,
        op: Box::new(op),
        naive: Box::new(naive),
    }
}

fn map(f: impl Fn(f64) -> f64 + 'static) -> impl Fn(&[T]) -> Vec<f64> {
    move |x| x[0].data().iter().map(|&x| f(x)).collect()
}

/// Values in 0.5..1.5, for functions that want positive input.
fn positive(name: &str, shape: &[usize]) -> T {
    values(name, shape).affine(0.5, 1.0)
}

/// Values no closer to 0 than 0.1, for functions with a kink there.
fn away_from_zero(name: &str, shape: &[usize]) -> T {
    let v = values(name, shape);
    let moved = v.data().iter().map(|v| v + 0.1 * v.signum()).collect();
    T::from_vec(moved, shape)
}

fn matmul(a: &T, b: &T) -> Vec<f64> {
    let (m, k, n) = (a.dim(0), a.dim(1), b.dim(1));
    let product = |i: usize, j: usize| {
        (0..k)
            .map(|p| a.data()[i * k + p] * b.data()[p * n + j])
            .sum()
    };
    (0..m * n).map(|at| product(at / n, at % n)).collect()
}

/// Adds `[n]` to every row of `[m, n]`.
fn add_rows(mut y: Vec<f64>, b: &T) -> Vec<f64> {
    for row in y.chunks_mut(b.len()) {
        for (y, b) in row.iter_mut().zip(b.data()) {
            *y += b;
        }
    }
    y
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let sum: f64 = row.iter().map(|x| x.exp()).sum();
    row.iter().map(|x| x.exp() / sum).collect()
}

fn sequences() -> Ragged {
    Ragged::new(&[5, 3, 3, 1])
}

fn table() -> Vec<Row> {
    let mut rows = elementwise::elementwise_rows();
    rows.extend(shapes::shape_rows());
    rows.extend(products::product_rows());
    rows.extend(losses::loss_rows());
    rows.extend(sequences::sequence_rows());
    rows.extend(pictures::image_rows());
    rows.extend(convolutions::picture_rows());
    rows.extend(convolutions::transposed_rows());
    rows.extend(recurrence::recurrent_rows());
    rows.extend(recurrence::checkpoint_rows());
    rows
}

#[test]
fn values_equal_the_naive_form() {
    for row in table() {
        let error = difference((row.op)(&row.inputs).data(), &(row.naive)(&row.inputs));
        assert!(error < 1e-12, "{}: value is off by {error:e}", row.name);
    }
}

#[test]
fn gradients_equal_finite_differences() {
    for row in table() {
        let error = gradient_error(&row.inputs, &row.op);
        assert!(error < 1e-6, "{}: gradient is off by {error:e}", row.name);
    }
}

/// The tape must add what arrives over several paths, also from inside one operation.
#[test]
fn gradients_add_up_when_one_tensor_is_used_twice() {
    for row in table() {
        let first = row.inputs[0].clone();
        let op = |x: &[T]| {
            let all: Vec<T> = row
                .inputs
                .iter()
                .map(|input| {
                    if input.shape() == first.shape() {
                        x[0].clone()
                    } else {
                        input.clone()
                    }
                })
                .collect();
            let y = (row.op)(&all);
            y.add(&(row.op)(&all).square())
        };
        let alone = match row.name {
            // Its input must be positive; a tensor divided by itself would be constant.
            "div" => away_from_zero("b", &[4, 5]),
            _ => first.clone(),
        };
        let error = gradient_error(&[alone], op);
        assert!(error < 1e-6, "{}: gradient is off by {error:e}", row.name);
    }
}
