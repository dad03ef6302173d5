//! Operations on tensors: one file each, holding everything about it: attributes, the shape
//! rule, forward, backward, and the method users call.
//!
//! A shape mistake panics at the caller's line, naming the operation, the layout it expects and
//! the shapes it got. An operation never adds up gradients and never undoes broadcasting: it
//! returns the gradient of each input as if that input had been used once, in full shape, and
//! the [tape](crate::tape) does the rest.

mod affine;
mod attention;
mod bag;
mod batch_norm;
mod binary;
mod binary_cross_entropy;
pub(crate) mod broadcast;
mod checkpoint;
mod concat;
mod conv1d;
mod conv2d;
mod conv_transpose2d;
mod cross_entropy;
mod dropout;
mod gather;
mod group_norm;
mod layer_norm;
mod linear;
mod locked_dropout;
mod matmul;
mod narrow;
mod pool2d;
mod recurrent;
mod seq_max;
mod seq_mean;
mod softmax;
mod spatial_dropout;
mod squared_error;
mod sum;
mod transpose;
mod unary;

use unfold_kernels::Buffer;

use crate::Float;
pub(crate) use crate::flat::Wanted;
use crate::shape::Shape;
use crate::tape::{Recorded, Source};
use crate::tensor::Tensor;

pub use attention::Attended;
pub use batch_norm::{BatchNorm, Moments};
pub(crate) use checkpoint::checkpoint;
pub use conv_transpose2d::ConvTranspose2d;
pub use cross_entropy::{CrossEntropy, IGNORE};
pub use recurrent::{Recurrence, Recurrent};
pub use unfold_kernels::Activation;
pub use unfold_kernels::Cell;
use unfold_kernels::Windows;
pub use unfold_kernels::{Conv1d, Conv2d, PackedConv1d, PackedConv2d, Pool2d};

/// One differentiable operation.
///
/// The value itself holds the attributes and, after `forward`, whatever else its backward pass
/// needs (a mask, the place of each maximum…).
pub(crate) trait Op<E: Float>: Send + Sync + 'static {
    /// The name in error messages.
    fn name(&self) -> &'static str;

    /// The shapes of the outputs, or what was expected and what came instead.
    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String>;

    /// Fills the outputs, whose contents are unspecified before.
    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]);

    /// Which values the backward pass reads.
    fn reads(&self) -> Reads;

    /// Whether [`Op::remake`] computes the first output again, in less time than its memory is worth.
    fn remakes(&self) -> bool {
        false
    }

    /// The first output, computed again from what its backward pass reads.
    fn remake(&self, _: &Saved<E>) -> Tensor<E> {
        unreachable!("{} does not remake", self.name())
    }

    /// The gradient of each input that is wanted and not written in its place, given that of each
    /// output (`None` where nothing depended on an output).
    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>>;

    /// [`Op::backward`] for the last time: what was kept may be written over, which spares memory of its size.
    fn backward_last(
        &mut self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        self.backward(saved, gradients, wanted)
    }
}

/// Which values of an operation must outlive it for its backward pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Shapes alone.
    Nothing,
    /// The inputs.
    Inputs,
    /// The outputs.
    Outputs,
    /// Both.
    Both,
}

/// What the tape kept for a backward pass.
#[derive(Clone)]
pub(crate) struct Saved<E: Float> {
    /// Without those that are computed again when they are read.
    inputs: Vec<Option<Tensor<E>>>,
    outputs: Vec<Tensor<E>>,
    pub(crate) shapes: Vec<Shape>,
}

impl<E: Float> Saved<E> {
    /// Whether no input is missing.
    pub(crate) fn is_whole(&self) -> bool {
        self.inputs.iter().all(Option::is_some)
    }

    /// Computes the inputs that are missing again.
    pub(crate) fn complete(&mut self, sources: &[Option<Source<E>>]) {
        let inputs = self.inputs.iter_mut().zip(&self.shapes);
        for ((input, shape), source) in inputs.zip(sources) {
            if input.is_none() {
                // It may have been reshaped since.
                *input = source
                    .as_ref()
                    .map(|source| source.remake().reshape(*shape));
            }
        }
    }

    /// Input `i`.
    fn tensor(&self, i: usize) -> &Tensor<E> {
        self.inputs[i].as_ref().expect("complete")
    }

    /// The values of input `i`.
    fn input(&self, i: usize) -> &[E] {
        self.tensor(i).data()
    }

    /// The values of output `i`.
    fn output(&self, i: usize) -> &[E] {
        self.outputs[i].data()
    }
}

/// Runs an operation with any number of outputs, and records it when a gradient may be wanted.
#[track_caller]
pub(crate) fn apply<E: Float>(mut op: impl Op<E>, inputs: &[&Tensor<E>]) -> Vec<Tensor<E>> {
    let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape()).collect();
    let out = match op.shapes(&shapes) {
        Ok(out) => out,
        Err(problem) => panic!("{}: {problem}", op.name()),
    };
    let mut buffers: Vec<Buffer<E>> = out.iter().map(|s| Buffer::scratch(s.len())).collect();
    op.forward(inputs, &mut buffers);
    let outputs: Vec<Tensor<E>> = buffers
        .into_iter()
        .zip(&out)
        .map(|(buffer, shape)| Tensor::from_buffer(buffer, *shape))
        .collect();
    if !inputs.iter().any(|input| input.tracked()) {
        return outputs;
    }
    let reads = op.reads();
    // Kept values are detached: a node that held its own output would never be freed.
    let kept_inputs = matches!(reads, Reads::Inputs | Reads::Both);
    let remakes = |input: &Tensor<E>| input.source().is_some_and(Source::remakes);
    let keep = |input: &Tensor<E>| (!remakes(input)).then(|| input.detach());
    let saved = Saved {
        inputs: match kept_inputs {
            true => inputs.iter().map(|input| keep(input)).collect(),
            false => Vec::new(),
        },
        outputs: match reads {
            Reads::Outputs | Reads::Both => outputs.clone(),
            _ => Vec::new(),
        },
        shapes,
    };
    let recorded = Recorded {
        op: Box::new(op),
        saved,
    };
    let sources = inputs.iter().map(|input| input.source().cloned()).collect();
    let source = Source::new(Some(recorded), sources, out);
    outputs
        .into_iter()
        .enumerate()
        .map(|(i, output)| output.with_source(source.output(i)))
        .collect()
}

/// [`apply`] for an operation with one output.
#[track_caller]
pub(crate) fn apply_one<E: Float>(op: impl Op<E>, inputs: &[&Tensor<E>]) -> Tensor<E> {
    apply(op, inputs).swap_remove(0)
}

/// The gradient of `shape` whose values `fill` writes, as a tensor; `None` when it is not wanted or
/// was written in its place.
fn gradient<E: Float>(
    wanted: Wanted<'_, E>,
    shape: Shape,
    fill: impl FnOnce(&mut [E]),
) -> Option<Tensor<E>> {
    let fill = wanted.then(|| wanted.in_place(fill).err())??;
    let mut values = Buffer::scratch(shape.len());
    fill(&mut values);
    Some(Tensor::from_buffer(values, shape))
}

/// As [`gradient`] for a table `[V, C]` of which `add` adds to the rows `ids` and all others are zero.
fn gradient_rows<E: Float>(
    wanted: Wanted<'_, E>,
    table: Shape,
    ids: &[u32],
    add: impl FnOnce(&mut [E]),
) -> Option<Tensor<E>> {
    let c = table.last();
    let add = wanted.then(|| wanted.rows_in_place(c, ids, add).err())??;
    let mut values = Buffer::zeros(table.len());
    add(&mut values);
    Some(Tensor::from_buffer(values, table))
}

/// The gradient of an operation's only output; operations with one output are only ever asked
/// for gradients when that one has arrived.
fn only<E: Float>(gradients: &[Option<Tensor<E>>]) -> &Tensor<E> {
    gradients[0].as_ref().expect("the only output's gradient")
}
