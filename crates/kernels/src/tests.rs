//! Every kernel against its plain form, for each element type and instruction set, over sizes around the
//! edges of vectors and tiles; and the same bits with any number of threads.

mod adam;
mod attention;
mod batch_norm;
mod conv;
mod conv2d;
mod elementwise;
mod embed;
mod gemm;
mod group_norm;
mod norm;
mod pool;
mod quantized;
mod reduce;
mod rnn;
mod seq;
mod softmax;
mod transpose;
