//! A shape mistake names the operation, the layout it expects and the shapes it got.

use std::panic::catch_unwind;

use unfold::ops::{Activation, BatchNorm, Conv1d, Conv2d, ConvTranspose2d, CrossEntropy, Pool2d};
use unfold::{Key, Ragged, Tensor};

fn said(f: impl Fn() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(f).expect_err("a shape mistake panics");
    panic.downcast_ref::<String>().expect("a text").clone()
}

fn t(dims: &[usize]) -> Tensor {
    Tensor::zeros(dims)
}

#[test]
fn errors_name_what_was_expected_and_what_came() {
    assert_eq!(
        said(|| drop(t(&[2, 3]).matmul(&t(&[4, 5])))),
        "matmul: expected matrices [M, K] and [K, N], or as many of each, got [2, 3] and [4, 5]"
    );
    assert_eq!(
        said(|| drop(t(&[8, 3]).linear(&t(&[4, 5]), None))),
        "linear: expected weight [3, O] and bias [O] for input [8, 3], got [4, 5]"
    );
    assert_eq!(
        said(|| drop(t(&[2, 3]).add(&t(&[2])))),
        "add: expected shapes equal or 1 along each axis from the last, got [2, 3] and [2]"
    );
    assert_eq!(
        said(|| drop(t(&[2, 3]).cross_entropy(&[1, 3], &CrossEntropy::default()))),
        "cross_entropy: expected targets below 3 for logits [2, 3], got 3"
    );
    assert_eq!(
        said(|| drop(t(&[2, 3]).gather(&[0, 2]))),
        "gather: expected ids below 2 for table [2, 3], got 2"
    );
    assert_eq!(
        said(|| drop(t(&[4, 2]).locked_dropout(0.5, Key::new(1), &Ragged::new(&[3, 2])))),
        "locked_dropout: expected input [5, C] for 5 steps, got [4, 2]"
    );
    let geometry = Conv1d {
        kernel: 5,
        stride: 1,
        padding: 0,
        dilation: 1,
    };
    assert_eq!(
        said(move || drop(t(&[9, 2]).conv1d(
            &Ragged::new(&[6, 3]),
            &t(&[5, 2, 4]),
            None,
            geometry
        ))),
        "conv1d: expected sequences of at least 5 steps for kernel 5, padding 0, dilation 1, got one of 3"
    );
    assert_eq!(
        said(move || drop(t(&[9, 2]).conv1d(&Ragged::new(&[9]), &t(&[3, 2, 4]), None, geometry))),
        "conv1d: expected weight [5, 2, O] for input [9, 2], got [3, 2, 4]"
    );
    let geometry = Conv2d::new([3, 3]);
    let conv2d = |x: &'static [usize], w: &'static [usize], b: Option<usize>, geometry| {
        said(move || drop(t(x).conv2d(&t(w), b.map(|b| t(&[b])).as_ref(), geometry)))
    };
    assert_eq!(
        conv2d(&[8, 32, 32], &[3, 3, 3, 16], None, geometry),
        "conv2d: expected input [B, H, W, C], got [8, 32, 32]"
    );
    assert_eq!(
        conv2d(&[8, 32, 32, 3], &[3, 3, 4, 16], None, geometry),
        "conv2d: expected weight [3, 3, 3, O] for input [8, 32, 32, 3], got [3, 3, 4, 16]"
    );
    assert_eq!(
        conv2d(&[8, 32, 32, 3], &[3, 3, 3, 16], Some(3), geometry),
        "conv2d: expected bias [16] for weight [3, 3, 3, 16], got [3]"
    );
    assert_eq!(
        conv2d(&[8, 2, 32, 3], &[3, 3, 3, 16], None, geometry),
        "conv2d: expected pictures of at least one output pixel for kernel [3, 3], stride [1, 1], \
         padding [[0, 0], [0, 0]], dilation [1, 1], got input [8, 2, 32, 3]"
    );
    let grouped = Conv2d {
        groups: 4,
        ..geometry
    };
    assert_eq!(
        conv2d(&[8, 32, 32, 6], &[3, 3, 3, 16], None, grouped),
        "conv2d: expected channels in 4 equal groups, got input [8, 32, 32, 6]"
    );
    assert_eq!(
        conv2d(&[8, 32, 32, 8], &[3, 3, 8, 16], None, grouped),
        "conv2d: expected weight [3, 3, 2, O] for input [8, 32, 32, 8] in 4 groups, got [3, 3, 8, 16]"
    );
    assert_eq!(
        conv2d(&[8, 32, 32, 8], &[3, 3, 2, 6], None, grouped),
        "conv2d: expected outputs in 4 equal groups, got weight [3, 3, 2, 6]"
    );
    assert_eq!(
        said(|| drop(t(&[5, 6]).max_pool2d(Pool2d::new([2, 2])))),
        "max_pool2d: expected input [B, H, W, C], got [5, 6]"
    );
    assert_eq!(
        said(|| drop(t(&[1, 2, 6, 4]).avg_pool2d(Pool2d::new([3, 3])))),
        "avg_pool2d: expected images of at least [3, 3] for kernel [3, 3], padding [[0, 0], [0, 0]], \
         got [1, 2, 6, 4]"
    );
    let geometry = Pool2d {
        padding: [[1, 1], [1, 2]],
        ..Pool2d::new([3, 3])
    };
    assert_eq!(
        said(move || drop(t(&[1, 8, 8, 4]).max_pool2d(geometry))),
        "max_pool2d: expected kernel and stride of at least 1 and padding of at most half the kernel, \
         got Pool2d { kernel: [3, 3], stride: [3, 3], padding: [[1, 1], [1, 2]], ceil_mode: false, \
         count_include_pad: true }"
    );
    assert_eq!(
        said(|| drop(t(&[1, 8, 8, 4]).adaptive_avg_pool2d([2, 0]))),
        "avg_pool2d: expected images and outputs of at least 1 by 1, got [1, 8, 8, 4] and [2, 0]"
    );
    assert_eq!(
        said(|| drop(t(&[1, 300, 300, 1]).adaptive_max_pool2d([1, 1]))),
        "max_pool2d: expected windows of at most 65535 elements, got 300 by 300"
    );
    let geometry = ConvTranspose2d::new([3, 3]);
    let transposed = |x: &'static [usize], w: &'static [usize], geometry| {
        said(move || drop(t(x).conv_transpose2d(&t(w), None, geometry)))
    };
    assert_eq!(
        transposed(&[8, 4, 4, 3], &[3, 3, 16, 4], geometry),
        "conv_transpose2d: expected weight [3, 3, O / 1, 3] for input [8, 4, 4, 3], got [3, 3, 16, 4]"
    );
    let cut = ConvTranspose2d {
        padding: [[1, 2], [1, 1]],
        ..geometry
    };
    assert_eq!(
        transposed(&[8, 1, 4, 3], &[3, 3, 16, 3], cut),
        "conv_transpose2d: expected at least one output pixel and an output padding below the stride, got input \
         [8, 1, 4, 3] and ConvTranspose2d { kernel: [3, 3], stride: [1, 1], padding: [[1, 2], [1, 1]], \
         output_padding: [0, 0], dilation: [1, 1], groups: 1 }"
    );
    assert_eq!(
        said(|| drop(t(&[2, 3, 6]).group_norm(4, &t(&[6]), &t(&[6]), 1e-5))),
        "group_norm: expected an input [B, .., C] of channels in 4 equal groups, got [2, 3, 6]"
    );
    assert_eq!(
        said(|| drop(t(&[6]).spatial_dropout(0.5, Key::new(1)))),
        "spatial_dropout: expected an input [B, .., C], got [6]"
    );
    assert_eq!(
        said(|| drop(t(&[2, 3]).attention(&t(&[2, 4, 5]), &t(&[3]), &t(&[2, 4, 6])))),
        "attention: expected query [B, K], keys [B or more, L, K], weight [K] and values [B or more, L, C], got [2, 3], \
         [2, 4, 5], [3] and [2, 4, 6]"
    );
    assert_eq!(
        said(|| drop(t(&[6]).leaky_relu(-0.1))),
        "leaky_relu: expected a slope of at least 0, got -0.1"
    );
    let options = BatchNorm {
        eps: 1e-5,
        activation: Activation::Identity,
    };
    assert_eq!(
        said(move || drop(t(&[2, 3]).batch_norm(&t(&[3]), &t(&[2]), options))),
        "batch_norm: expected gamma [3] and beta [3] for input [2, 3], got [3] and [2]"
    );
    assert_eq!(
        said(|| drop(t(&[2, 3]).reshape([4]))),
        "reshape: expected a shape of 6 values for input [2, 3], got [4]"
    );
}
