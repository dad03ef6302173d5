//! Rows of a table by their numbers: word embeddings, last states.

use unfold_kernels::{self as kernels, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient_rows, only};
use crate::{Float, Shape, Tensor};

/// y_n = table[ids_n].
struct Gather {
    ids: Buffer<u32>,
}

impl<E: Float> Op<E> for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        rows_of_table(inputs[0], &self.ids).map(|c| vec![[self.ids.len(), c].into()])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let c = inputs[0].dim(1);
        kernels::gather(inputs[0].data(), c, &self.ids, &mut outputs[0]);
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
        vec![gradient_rows(wanted[0], table, &self.ids, |d| {
            kernels::scatter_add(&self.ids, only(gradients).data(), table.dims()[1], d);
        })]
    }
}

/// The width of a table `[V, C]` that has every row of `ids`, or what is wrong.
pub(super) fn rows_of_table(table: Shape, ids: &[u32]) -> Result<usize, String> {
    let [v, c] = *table.dims() else {
        return Err(format!("expected a table [V, C], got {table}"));
    };
    match ids.iter().find(|&&id| id as usize >= v) {
        Some(id) => Err(format!(
            "expected ids below {v} for table {table}, got {id}"
        )),
        None => Ok(c),
    }
}

impl<E: Float> Tensor<E> {
    /// The rows `ids` of a table: `[V, C] -> [N, C]`.
    ///
    /// # Panics
    /// When this is not a matrix or an id is too large.
    #[track_caller]
    pub fn gather(&self, ids: &[u32]) -> Tensor<E> {
        let ids = Buffer::from_slice(ids);
        apply_one(Gather { ids }, &[self])
    }
}
