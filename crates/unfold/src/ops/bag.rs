//! Weighted sums of rows of a table: a text as the (weighted) sum of its words' vectors.

use unfold_kernels::{self as kernels, Buffer};

use super::gather::rows_of_table;
use super::{Op, Reads, Saved, Wanted, apply_one, gradient_rows, only};
use crate::{Float, Shape, Tensor};

/// y_b = sum over i in offsets_b..offsets_(b+1) of weights_i table[ids_i].
struct Bag<E: Float> {
    ids: Buffer<u32>,
    weights: Buffer<E>,
    offsets: Vec<usize>,
}

impl<E: Float> Op<E> for Bag<E> {
    fn name(&self) -> &'static str {
        "bag"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let c = rows_of_table(inputs[0], &self.ids)?;
        let (ids, weights) = (self.ids.len(), self.weights.len());
        if ids != weights {
            return Err(format!(
                "expected {ids} weights for {ids} ids, got {weights}"
            ));
        }
        let rises = self.offsets.is_sorted();
        if !rises || self.offsets.first() != Some(&0) || self.offsets.last() != Some(&ids) {
            return Err(format!(
                "expected offsets that rise from 0 to {ids}, got others"
            ));
        }
        Ok(vec![[self.offsets.len() - 1, c].into()])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (table, c) = (inputs[0].data(), inputs[0].dim(1));
        kernels::bag(
            table,
            c,
            &self.ids,
            &self.weights,
            &self.offsets,
            &mut outputs[0],
        );
    }

    fn reads(&self) -> Reads {
        Reads::Nothing
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let table = saved.shapes[0];
        let (dy, c) = (only(gradients).data(), table.dims()[1]);
        vec![gradient_rows(wanted[0], table, &self.ids, |d| {
            kernels::bag_backward(&self.ids, &self.weights, &self.offsets, dy, c, d);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// Weighted sums of rows of a table `[V, C] -> [B, C]`: bag b holds the ids and weights
    /// `offsets[b]..offsets[b + 1]`. An empty bag gives zeros.
    ///
    /// # Panics
    /// When this is not a matrix, an id is too large, there are not as many weights as ids, or
    /// the offsets do not rise from 0 to the number of ids.
    #[track_caller]
    pub fn bag(&self, ids: &[u32], weights: &[E], offsets: &[usize]) -> Tensor<E> {
        let op = Bag {
            ids: Buffer::from_slice(ids),
            weights: Buffer::from_slice(weights),
            offsets: offsets.to_vec(),
        };
        apply_one(op, &[self])
    }
}
