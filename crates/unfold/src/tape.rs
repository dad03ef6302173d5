//! Reverse-mode differentiation.
//!
//! Every tracked tensor points at the node that made it; a node holds its operation, links to
//! the nodes of its inputs and only those values that its backward pass reads. There is no
//! global tape: dropping the last tensor of a computation frees its nodes, and their memory.
//!
//! Nodes are numbered as they are made, so walking them from the highest number down visits
//! each after everything that used it, in an order that does not depend on the machine.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use unfold_kernels as kernels;

use crate::Float;
use crate::flat::{Sink, Wanted};
use crate::ops::{Op, Saved, broadcast};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Which output of which node made a tensor.
#[derive(Clone)]
pub(crate) struct Source<E: Float> {
    node: Arc<Node<E>>,
    output: usize,
}

/// One recorded operation, or (with no operation) a watched tensor.
pub(crate) struct Node<E: Float> {
    number: u64,
    recorded: Option<Recorded<E>>,
    inputs: Vec<Option<Source<E>>>,
    outputs: Vec<Shape>,
}

/// An operation and what its backward pass reads.
pub(crate) struct Recorded<E: Float> {
    pub(crate) op: Box<dyn Op<E>>,
    pub(crate) saved: Saved<E>,
}

impl<E: Float> Source<E> {
    /// The source of a newly watched tensor.
    pub(crate) fn leaf(shape: Shape) -> Source<E> {
        Source::new(None, Vec::new(), vec![shape])
    }

    /// The first output of a new node.
    pub(crate) fn new(
        recorded: Option<Recorded<E>>,
        inputs: Vec<Option<Source<E>>>,
        outputs: Vec<Shape>,
    ) -> Source<E> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let node = Arc::new(Node {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            recorded,
            inputs,
            outputs,
        });
        Source { node, output: 0 }
    }

    /// The number of the node.
    pub(crate) fn number(&self) -> u64 {
        self.node.number
    }

    /// Whether the values can be computed again from what their node keeps.
    pub(crate) fn remakes(&self) -> bool {
        let recorded = self.node.recorded.as_ref();
        self.output == 0 && recorded.is_some_and(|r| r.op.remakes() && r.saved.is_whole())
    }

    /// The values, computed again.
    pub(crate) fn remake(&self) -> Tensor<E> {
        let Recorded { op, saved } = self.node.recorded.as_ref().expect("it remakes");
        op.remake(saved)
    }

    /// Another output of the same node.
    pub(crate) fn output(&self, output: usize) -> Source<E> {
        let node = Arc::clone(&self.node);
        Source { node, output }
    }
}

impl<E: Float> Drop for Node<E> {
    fn drop(&mut self) {
        free(&mut self.inputs.drain(..).flatten().collect());
    }
}

/// Frees those of `nodes` that nothing else holds, and what they alone held, in a loop: left to itself the compiler's drop
/// would recurse once per node and overflow the stack on a network unrolled over a long sequence.
fn free<E: Float>(nodes: &mut Vec<Source<E>>) {
    while let Some(source) = nodes.pop() {
        if let Some(mut node) = Arc::into_inner(source.node) {
            nodes.extend(node.inputs.drain(..).flatten());
        }
    }
}

/// The gradients that one [`Tensor::backward`] found.
pub struct Gradients<E: Float> {
    of: HashMap<u64, Tensor<E>>,
}

impl<E: Float> Gradients<E> {
    /// The gradient with respect to a watched tensor, in that tensor's shape; `None` when the
    /// result did not depend on it.
    pub fn get(&self, watched: &Tensor<E>) -> Option<&Tensor<E>> {
        self.of.get(&watched.source()?.node.number)
    }
}

/// What has been gathered so far for one node: its outputs' gradients.
struct Pending<E: Float> {
    node: Arc<Node<E>>,
    gradients: Vec<Option<Tensor<E>>>,
}

/// Walks back from results whose gradients are given; the gradients of the sink's leaves go there. A node that nothing else
/// holds is freed as soon as it is passed: so memory falls on the way back, and is there for the gradients.
pub(crate) fn backward<E: Float>(
    results: impl IntoIterator<Item = (Source<E>, Tensor<E>)>,
    sink: Option<&Sink<E>>,
) -> Gradients<E> {
    let mut of = HashMap::new();
    let mut pending: BTreeMap<u64, Pending<E>> = BTreeMap::new();
    let mut passed = Vec::new();
    for (source, gradient) in results {
        add(&mut pending, &source, gradient);
    }
    while let Some((number, found)) = pending.pop_last() {
        let Pending {
            mut node,
            gradients,
        } = found;
        if node.recorded.is_none() {
            of.extend(gradients.into_iter().flatten().map(|g| (number, g)));
            continue;
        }
        let wanted = node
            .inputs
            .iter()
            .map(|source| wanted(source.as_ref(), sink));
        let wanted: Vec<Wanted<'_, E>> = wanted.collect();
        let inputs = match Arc::get_mut(&mut node) {
            Some(Node {
                recorded, inputs, ..
            }) => {
                let Recorded { op, saved } = recorded.as_mut().expect("no leaf");
                saved.complete(inputs);
                op.backward_last(saved, &gradients, &wanted)
            }
            None => {
                let Recorded { op, saved } = node.recorded.as_ref().expect("no leaf");
                let mut saved = saved.clone();
                saved.complete(&node.inputs);
                op.backward(&saved, &gradients, &wanted)
            }
        };
        let Recorded { op, saved } = node.recorded.as_ref().expect("no leaf");
        drop(gradients);
        assert_eq!(inputs.len(), wanted.len(), "{}: gradients", op.name());
        let inputs = node.inputs.iter().zip(inputs).zip(&saved.shapes);
        for (((source, gradient), shape), wanted) in inputs.zip(&wanted) {
            if let (Some(source), Some(gradient)) = (source, gradient) {
                let gradient = broadcast::undo(gradient, *shape);
                match wanted {
                    Wanted::Place(sink, place) => sink.add(*place, gradient.data()),
                    _ => add(&mut pending, source, gradient),
                }
            }
        }
        passed.push(Source { node, output: 0 });
        free(&mut passed);
    }
    Gradients { of }
}

/// How the gradient of an input from `source` is wanted. The input may be the source's tensor reshaped: its
/// values lie as they did.
fn wanted<'a, E: Float>(source: Option<&Source<E>>, sink: Option<&'a Sink<E>>) -> Wanted<'a, E> {
    let Some(source) = source else {
        return Wanted::No;
    };
    let place = sink.and_then(|sink| Some((sink, sink.place(source.number())?)));
    place.map_or(Wanted::Tensor, |(sink, place)| Wanted::Place(sink, place))
}

/// Adds a gradient to what a source has gathered. The only place where gradients are summed.
fn add<E: Float>(pending: &mut BTreeMap<u64, Pending<E>>, source: &Source<E>, gradient: Tensor<E>) {
    let Source { node, output } = source;
    let gradients = &mut pending
        .entry(node.number)
        .or_insert_with(|| Pending {
            node: Arc::clone(node),
            gradients: vec![None; node.outputs.len()],
        })
        .gradients[*output];
    // The tensor may have been reshaped since the node made it.
    let gradient = gradient.reshape(node.outputs[*output]);
    *gradients = Some(match gradients.take() {
        None => gradient,
        Some(mut sum) => {
            if let Some(values) = sum.unique_mut() {
                kernels::add_assign(gradient.data(), values);
                sum
            } else {
                sum.add(&gradient)
            }
        }
    });
}
