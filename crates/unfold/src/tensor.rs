//! Tensors: immutable, contiguous, row-major arrays that remember how they were made when a
//! gradient is wanted.

use std::sync::Arc;

use unfold_kernels::Buffer;

use crate::Float;
use crate::flat::Sink;
use crate::shape::Shape;
use crate::tape::{self, Gradients, Source};

/// A contiguous row-major array on the CPU. Cloning is cheap and shares the values.
///
/// A tensor made by [`Tensor::watch`], and everything computed from it, is *tracked*:
/// [`Tensor::backward`] then gives the gradient with respect to the watched tensor. Memory of
/// values that no gradient needs is given back as soon as the last handle is dropped.
///
/// ```
/// use unfold::Tensor;
/// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], [3]).watch();
/// let loss = x.square().sum();
/// assert_eq!(loss.backward().get(&x).unwrap().data(), [2.0, 4.0, 6.0]);
/// ```
#[derive(Clone)]
pub struct Tensor<E: Float = f32> {
    storage: Arc<Buffer<E>>,
    offset: usize,
    shape: Shape,
    source: Option<Source<E>>,
}

impl<E: Float> Tensor<E> {
    /// A tensor of the given values.
    ///
    /// # Panics
    /// When the number of values is not the shape's.
    #[track_caller]
    pub fn from_slice(values: &[E], shape: impl Into<Shape>) -> Tensor<E> {
        Tensor::from_buffer(Buffer::from_slice(values), shape.into())
    }

    /// A tensor of the given values.
    ///
    /// # Panics
    /// When the number of values is not the shape's.
    #[track_caller]
    pub fn from_vec(values: Vec<E>, shape: impl Into<Shape>) -> Tensor<E> {
        Tensor::from_slice(&values, shape)
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Tensor<E> {
        let shape = shape.into();
        Tensor::from_buffer(Buffer::zeros(shape.len()), shape)
    }

    /// A tensor with `value` everywhere.
    pub fn full(shape: impl Into<Shape>, value: E) -> Tensor<E> {
        let shape = shape.into();
        let mut values = Buffer::scratch(shape.len());
        values.fill(value);
        Tensor::from_buffer(values, shape)
    }

    /// A tensor with no axes and one value.
    pub fn scalar(value: E) -> Tensor<E> {
        Tensor::full([], value)
    }

    /// A tensor that owns `values`.
    #[track_caller]
    pub fn from_buffer(values: Buffer<E>, shape: impl Into<Shape>) -> Tensor<E> {
        Tensor::from_shared(Arc::new(values), 0, shape)
    }

    /// A tensor that looks at part of a shared buffer, from `offset` on.
    ///
    /// # Panics
    /// When the buffer ends before the shape does.
    #[track_caller]
    pub fn from_shared(
        storage: Arc<Buffer<E>>,
        offset: usize,
        shape: impl Into<Shape>,
    ) -> Tensor<E> {
        let shape = shape.into();
        assert!(
            offset + shape.len() <= storage.len(),
            "tensor: expected {} values for shape {shape}, got {}",
            shape.len(),
            storage.len() - offset.min(storage.len()),
        );
        Tensor {
            storage,
            offset,
            shape,
            source: None,
        }
    }

    /// The extents.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The extents as a slice, outermost first.
    pub fn dims(&self) -> &[usize] {
        self.shape.dims()
    }

    /// The extent of one axis.
    ///
    /// # Panics
    /// When there is no such axis.
    #[track_caller]
    pub fn dim(&self, axis: usize) -> usize {
        self.shape.dims()[axis]
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.shape.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, row-major.
    pub fn data(&self) -> &[E] {
        &self.storage[self.offset..self.offset + self.shape.len()]
    }

    /// The values, copied.
    pub fn to_vec(&self) -> Vec<E> {
        self.data().to_vec()
    }

    /// The only value.
    ///
    /// # Panics
    /// When there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> E {
        assert!(
            self.len() == 1,
            "item: expected one value, got shape {}",
            self.shape
        );
        self.data()[0]
    }

    /// The same values under another shape; costs nothing.
    ///
    /// # Panics
    /// When the number of values differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Tensor<E> {
        let shape = shape.into();
        assert!(
            shape.len() == self.len(),
            "reshape: expected a shape of {} values for input {}, got {shape}",
            self.len(),
            self.shape,
        );
        // The tape keeps gradients in the shape of whatever made the values, so a reshape
        // needs no node of its own.
        Tensor {
            shape,
            ..self.clone()
        }
    }

    /// The same values as a new starting point whose gradient is wanted.
    pub fn watch(&self) -> Tensor<E> {
        self.detach().with_source(Source::leaf(self.shape))
    }

    /// The same values, with no memory of how they were made.
    pub fn detach(&self) -> Tensor<E> {
        Tensor {
            source: None,
            ..self.clone()
        }
    }

    /// Whether a gradient can flow through this tensor.
    pub fn tracked(&self) -> bool {
        self.source.is_some()
    }

    /// The gradients of this scalar with respect to every watched tensor it was computed from. What was kept for
    /// them is given back on the way, operation by operation, unless a clone of this tensor still needs it.
    ///
    /// # Panics
    /// When this is not a single value.
    #[track_caller]
    pub fn backward(self) -> Gradients<E> {
        tape::backward(self.alone(), None)
    }

    /// As [`Tensor::backward`]; the gradients of the sink's leaves go there instead.
    #[track_caller]
    pub(crate) fn backward_into(self, sink: &Sink<E>) -> Gradients<E> {
        tape::backward(self.alone(), Some(sink))
    }

    /// Where to start back from a single value, with its gradient.
    #[track_caller]
    fn alone(self) -> Option<(Source<E>, Tensor<E>)> {
        assert!(
            self.len() == 1,
            "backward: expected a single value such as a loss, got shape {}",
            self.shape
        );
        let source = self.source?;
        Some((source, Tensor::full(self.shape, E::ONE)))
    }

    pub(crate) fn with_source(self, source: Source<E>) -> Tensor<E> {
        Tensor {
            source: Some(source),
            ..self
        }
    }

    pub(crate) fn source(&self) -> Option<&Source<E>> {
        self.source.as_ref()
    }

    /// The values alone, and what is left: the shape and the source, for an operation that writes over its input.
    pub(crate) fn split(self) -> (Tensor<E>, Tensor<E>) {
        let Tensor {
            storage,
            offset,
            shape,
            source,
        } = self;
        let values = Tensor {
            storage,
            offset,
            shape,
            source: None,
        };
        let left = Tensor {
            storage: Arc::new(Buffer::zeros(0)),
            offset: 0,
            shape,
            source,
        };
        (values, left)
    }

    pub(crate) fn into_source(self) -> Option<Source<E>> {
        self.source
    }

    /// The values for writing, when nothing else shares them.
    pub(crate) fn unique_mut(&mut self) -> Option<&mut [E]> {
        let range = self.offset..self.offset + self.shape.len();
        Arc::get_mut(&mut self.storage).map(|values| &mut values[range])
    }
}

impl<E: Float> std::fmt::Debug for Tensor<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "Tensor{} ", self.shape)?;
        let (values, mut list) = (self.data(), f.debug_list());
        list.entries(values.iter().take(SHOWN));
        if values.len() > SHOWN {
            list.finish_non_exhaustive()
        } else {
            list.finish()
        }
    }
}
