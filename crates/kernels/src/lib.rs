//! Kernels of Unfold: slices and geometry in, slices out.
//!
//! This crate holds every line of unsafe code of the workspace and knows nothing of tensors. A kernel
//! takes slices in row-major order, checks their lengths against the geometry (and panics when they
//! disagree, so that the safe functions are sound), and writes slices. [`naive`] has the plain form of
//! every kernel; it is the specification the fast forms are tested against.
//!
//! Results have the same bits with any number of threads: work is cut by shape alone, and each output
//! element is computed by one task in one fixed order.
//!
//! Dimension letters: `B` batch, `T` time, `H` `W` height and width, `C` channels or features in, `O` channels out, `D` hidden size,
//! `V` vocabulary, `K` kernel, `N` rows of a packed batch of sequences (the sum of their lengths), `R` rows
//! of any matrix.

mod activation;
mod adam;
mod attention;
mod batch_norm;
mod buffer;
mod conv;
mod conv2d;
mod denormals;
mod elementwise;
mod embed;
mod float;
mod gemm;
mod group_norm;
mod machine;
pub mod naive;
mod norm;
mod pool;
mod quantized;
mod reduce;
mod rnn;
mod rows;
mod seq;
mod shared;
mod simd;
mod softmax;
mod team;
mod threads;
mod transpose;
mod zeros;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use activation::Activation;
pub use adam::{Adam, adam};
pub use attention::{Attention, attention, attention_backward};
pub use batch_norm::{BatchNorm, batch_norm, batch_norm_backward, column_moments};
pub use buffer::{Buffer, Plain, PoolStats, limit_memory, pool_stats, reset_pool_peak};
pub use conv::{
    Conv1d, PackedConv1d, conv1d, conv1d_backward_data, conv1d_backward_weights, conv1d_packed,
};
pub use conv2d::{
    Conv2d, PackedConv2d, conv2d, conv2d_backward_data, conv2d_backward_weights, conv2d_packed,
    set_exact,
};
pub use elementwise::{
    BinaryOp, UnaryOp, add_assign, affine, binary, binary_rows, unary, unary_backward,
};
pub use embed::{bag, bag_backward, gather, scatter_add};
pub use float::Float;
pub use gemm::{Batch, Finish, Mat, MatMut, PackedMat, gemm, gemm_batch, gemm_bias, gemm_packed};
pub use group_norm::{GroupNorm, group_norm, group_norm_backward};
pub use machine::{multiply_add_burst, reading_burst};
pub use norm::{layer_norm, layer_norm_backward};
pub use pool::{
    LARGEST_WINDOW, Pool2d, Windows, avg_pool2d, avg_pool2d_backward, max_pool2d,
    max_pool2d_backward,
};
pub use quantized::Quantized;
pub use reduce::{column_sums, row_sums, sum, sum_sq};
pub use rnn::{
    Cell, PackedRnn, RnnBack, RnnRun, rnn_backward, rnn_backward_weights, rnn_forward, rnn_step,
};
pub use rows::Rows;
pub use seq::{Ragged, seq_max, seq_max_backward, seq_mean, seq_mean_backward};
pub use simd::{check_simd, simd_level};
pub use softmax::{
    cross_entropy, log_softmax, log_softmax_backward, log_sum_exp, softmax, softmax_backward,
};
pub use threads::{parallel, parallel_parts, parallel_rows, parallel_rows2, set_threads, threads};
pub use transpose::transpose;
