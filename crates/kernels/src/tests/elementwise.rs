//! Functions of one or two elements.

use crate::testing::{Random, SIZES, at_every_level, close, same_bits, written};
use crate::{
    BinaryOp, Float, UnaryOp, add_assign, affine, binary, binary_rows, naive, unary, unary_backward,
};

const UNARY: [UnaryOp; 13] = [
    UnaryOp::Neg,
    UnaryOp::Exp,
    UnaryOp::Ln,
    UnaryOp::Tanh,
    UnaryOp::Sigmoid,
    UnaryOp::Relu,
    UnaryOp::Sqrt,
    UnaryOp::Square,
    UnaryOp::Relu6,
    UnaryOp::LeakyRelu(0.1),
    UnaryOp::Silu,
    UnaryOp::Gelu,
    UnaryOp::HardSwish,
];
const BINARY: [BinaryOp; 5] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::AddRelu,
];

fn unary_ops<E: Float>() {
    let mut random = Random::new(1);
    for n in SIZES {
        for op in UNARY {
            let what = format!("{op:?} of {n}");
            let mut x = random.vec::<E>(n + 1);
            if matches!(op, UnaryOp::Ln | UnaryOp::Sqrt) {
                x.iter_mut().for_each(|x| *x = x.abs() + E::from_f64(0.1));
            }
            if matches!(op, UnaryOp::Relu6 | UnaryOp::HardSwish) {
                x.iter_mut().for_each(|x| *x = *x * E::from_f64(9.0));
            }
            let (x, dy) = (&x[1..], &random.vec::<E>(n + 1)[1..]);
            let want = written(n, |y| naive::unary(op, x, y));
            close(&written(n, |y| unary(op, x, y)), &want, 4.0, &what);
            close(
                &written(n, |dx| unary_backward(op, x, &want, dy, dx)),
                &written(n, |dx| naive::unary_backward(op, x, &want, dy, dx)),
                4.0,
                &what,
            );
        }
    }
}

fn binary_ops<E: Float>() {
    let mut random = Random::new(2);
    for n in SIZES {
        let a = &random.vec::<E>(n + 1)[1..];
        let mut b = random.vec::<E>(n + 1);
        b.iter_mut().for_each(|b| *b += E::from_f64(2.0));
        let b = &b[1..];
        for op in BINARY {
            let what = format!("{op:?} of {n}");
            let want = written(n, |out| naive::binary(op, a, b, out));
            close(&written(n, |out| binary(op, a, b, out)), &want, 0.0, &what);
            for rows in [0, 1, 3] {
                let a = &random.vec::<E>(rows * n + 1)[1..];
                close(
                    &written(rows * n, |out| binary_rows(op, a, b, out)),
                    &written(rows * n, |out| naive::binary_rows(op, a, b, out)),
                    0.0,
                    &what,
                );
            }
        }
        let (scale, shift) = (random.value(), random.value());
        close(
            &written(n, |y| affine(a, scale, shift, y)),
            &written(n, |y| naive::affine(a, scale, shift, y)),
            1.0,
            "affine",
        );
        close(
            &written(n, |y| add_assign(a, y)),
            &written(n, |y| naive::add_assign(a, y)),
            0.0,
            "add_assign",
        );
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        unary_ops::<f32>();
        unary_ops::<f64>();
        binary_ops::<f32>();
        binary_ops::<f64>();
    });
}

#[test]
fn same_bits_with_any_number_of_threads() {
    let n = 100_003;
    let mut random = Random::new(3);
    let (x, row) = (random.vec::<f32>(n), random.vec::<f32>(1));
    for op in UNARY {
        same_bits("unary", || written(n, |y| unary(op, &x, y)));
    }
    same_bits("binary_rows", || {
        written(n, |y| binary_rows(BinaryOp::Mul, &x, &row, y))
    });
    same_bits("affine", || written(n, |y| affine(&x, 0.3, 0.7, y)));
}
