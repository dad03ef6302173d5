//! The gradients of all parameters in one flat buffer, each written straight into its place.

use std::cell::RefCell;
use std::ops::Range;

use unfold_kernels::{self as kernels, Buffer, Rows};

use crate::Float;

/// Elements that a task of a pass over gradients takes.
const BLOCK: usize = 16 * 1024;
/// A row visited alone costs as much as these elements in a pass over all, at least.
const ROW: usize = 64;

/// The gradients of all parameters, one after the other, and what the place of each holds.
#[derive(Clone)]
pub(crate) struct Flat<E: Float> {
    values: Buffer<E>,
    places: Vec<Place>,
}

/// Where the gradient of one parameter lies.
#[derive(Clone)]
struct Place {
    range: Range<usize>,
    holds: Holds,
    /// The rows with a gradient, or none as yet.
    rows: Option<Rows>,
}

/// What a place holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Zeros.
    Zeros,
    /// The gradient of an earlier step, to be written over.
    Old,
    /// A gradient of zeros but for some rows of a table.
    Rows,
    /// Any gradient.
    Values,
}

impl<E: Float> Flat<E> {
    /// No gradients.
    pub(crate) fn empty() -> Flat<E> {
        Flat {
            values: Buffer::zeros(0),
            places: Vec::new(),
        }
    }

    /// All values.
    pub(crate) fn values(&self) -> &[E] {
        &self.values
    }

    /// All values, for writing.
    pub(crate) fn values_mut(&mut self) -> &mut [E] {
        for place in &mut self.places {
            place.holds = Holds::Values;
        }
        &mut self.values
    }

    /// The rows of a parameter's gradient outside which it is zero; `None` when any value may not be.
    pub(crate) fn rows(&self, place: usize) -> Option<&Rows> {
        let place = self.places.get(place)?;
        place.rows.as_ref().filter(|_| place.holds == Holds::Rows)
    }

    /// Makes ready for new gradients at `ranges`, which do not overlap, among `len` values in all.
    pub(crate) fn begin(&mut self, len: usize, ranges: impl Iterator<Item = Range<usize>>) {
        if self.values.len() != len {
            self.values = Buffer::zeros(len);
            self.places.clear();
            self.places.extend(ranges.map(|range| Place {
                range,
                holds: Holds::Zeros,
                rows: None,
            }));
        }
        for place in &mut self.places {
            place.renew(&mut self.values);
        }
    }

    /// Zeroes what nothing was written to.
    pub(crate) fn end(&mut self) {
        for place in self.places.iter_mut().filter(|p| p.holds == Holds::Old) {
            self.values[place.range.clone()].fill(E::ZERO);
            place.holds = Holds::Zeros;
        }
    }

    /// The place of a gradient to be written in full; `None` when it holds one to be added to.
    fn fresh(&mut self, place: usize) -> Option<&mut [E]> {
        let place = &mut self.places[place];
        if matches!(place.holds, Holds::Rows | Holds::Values) {
            return None;
        }
        place.holds = Holds::Values;
        Some(&mut self.values[place.range.clone()])
    }

    /// The place of a table's gradient, its width `c`, where `ids` are the rows to be added to.
    fn table(&mut self, place: usize, c: usize, ids: &[u32]) -> &mut [E] {
        let place = &mut self.places[place];
        let values = &mut self.values[place.range.clone()];
        if place.holds == Holds::Old {
            kernels::parallel_rows(values, 1, BLOCK, |_, block| block.fill(E::ZERO));
            place.holds = Holds::Zeros;
        }
        if place.holds == Holds::Zeros && 2 * ids.len() * c.max(ROW) >= values.len() {
            place.holds = Holds::Values; // whole passes are as short
        }
        if place.holds != Holds::Values {
            let v = values.len() / c.max(1);
            let rows = place.rows.take().filter(|rows| rows.fits(v, c));
            let rows = place.rows.insert(rows.unwrap_or_else(|| Rows::none(v, c)));
            rows.insert(ids);
            place.holds = Holds::Rows;
        }
        values
    }

    /// Adds a gradient computed elsewhere.
    pub(crate) fn add(&mut self, place: usize, gradient: &[E]) {
        if let Some(values) = self.fresh(place) {
            values.copy_from_slice(gradient);
            return;
        }
        let place = &mut self.places[place];
        place.holds = Holds::Values;
        kernels::add_assign(gradient, &mut self.values[place.range.clone()]);
    }

    /// The sum of the squares of all values, in `f64`.
    pub(crate) fn sum_sq(&self) -> f64 {
        let of = |place: &Place| {
            let values = &self.values[place.range.clone()];
            match (place.holds, &place.rows) {
                (Holds::Zeros, _) => 0.0,
                (Holds::Rows, Some(rows)) => rows.sum_sq(values),
                _ => kernels::sum_sq(values),
            }
        };
        self.places.iter().map(of).sum()
    }

    /// Changes all values that may not be zero with `f`, which leaves zeros as they are.
    pub(crate) fn change(&mut self, f: impl Fn(&mut [E]) + Sync) {
        for place in &self.places {
            let values = &mut self.values[place.range.clone()];
            match (place.holds, &place.rows) {
                (Holds::Zeros, _) => {}
                (Holds::Rows, Some(rows)) => rows.for_each(values, |_, run| f(run)),
                _ => kernels::parallel_rows(values, 1, BLOCK, |_, block| f(block)),
            }
        }
    }
}

impl Place {
    /// Makes ready for another gradient.
    fn renew<E: Float>(&mut self, values: &mut [E]) {
        match (self.holds, &mut self.rows) {
            (Holds::Rows, Some(rows)) => {
                let values = &mut values[self.range.clone()];
                rows.for_each(values, |_, run| run.fill(E::ZERO));
                rows.clear();
                self.holds = Holds::Zeros;
            }
            (Holds::Zeros, _) => {}
            (_, rows) => {
                if let Some(rows) = rows {
                    rows.clear();
                }
                self.holds = Holds::Old;
            }
        }
    }
}

/// Where the gradients of some watched tensors go as they are computed.
pub(crate) struct Sink<E: Float> {
    flat: RefCell<Flat<E>>,
    /// The number of each tensor's node, rising, and its place.
    leaves: Vec<(u64, usize)>,
}

impl<E: Float> Sink<E> {
    /// For the nodes of the given numbers, which rise, and their places.
    pub(crate) fn new(flat: Flat<E>, leaves: Vec<(u64, usize)>) -> Sink<E> {
        Sink {
            flat: RefCell::new(flat),
            leaves,
        }
    }

    /// The gradients.
    pub(crate) fn into_flat(self) -> Flat<E> {
        self.flat.into_inner()
    }

    /// The place of the gradient of a node's only output.
    pub(crate) fn place(&self, node: u64) -> Option<usize> {
        let at = self.leaves.binary_search_by_key(&node, |leaf| leaf.0);
        at.ok().map(|at| self.leaves[at].1)
    }

    /// Adds a gradient computed elsewhere.
    pub(crate) fn add(&self, place: usize, gradient: &[E]) {
        self.flat.borrow_mut().add(place, gradient);
    }
}

/// Whether the gradient of an operation's input is wanted, and where it may be written.
pub(crate) enum Wanted<'a, E: Float> {
    /// It is not.
    No,
    /// As a tensor.
    Tensor,
    /// In a place of a sink, as long as nothing is there; else as a tensor.
    Place(&'a Sink<E>, usize),
}

impl<E: Float> Clone for Wanted<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Float> Copy for Wanted<'_, E> {}

impl<E: Float> Wanted<'_, E> {
    /// Whether it is.
    pub(crate) fn is(self) -> bool {
        !matches!(self, Wanted::No)
    }

    /// What `make` gives if it is.
    pub(crate) fn then<T>(self, make: impl FnOnce() -> T) -> Option<T> {
        self.is().then(make)
    }

    /// Has `fill` write the gradient in place; gives `fill` back where that cannot be.
    pub(crate) fn in_place<F: FnOnce(&mut [E])>(self, fill: F) -> Result<(), F> {
        let Wanted::Place(sink, place) = self else {
            return Err(fill);
        };
        match sink.flat.borrow_mut().fresh(place) {
            Some(values) => {
                fill(values);
                Ok(())
            }
            None => Err(fill),
        }
    }

    /// Has `add` add to the rows `ids` of the gradient `[V, c]` in place; gives `add` back where that cannot be.
    pub(crate) fn rows_in_place<F>(self, c: usize, ids: &[u32], add: F) -> Result<(), F>
    where
        F: FnOnce(&mut [E]),
    {
        let Wanted::Place(sink, place) = self else {
            return Err(add);
        };
        add(sink.flat.borrow_mut().table(place, c, ids));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::nn::{Init, Optimizer, OptimizerConfig, Params, Pass, Sgd, gradient_norm};
    use crate::random::Key;

    /// What the gradient of a table `[200, 2]` must be, step after step, whatever was there before.
    #[test]
    fn a_table_holds_the_gradient_of_its_step_alone() {
        let mut params = Params::<f64>::new(0);
        let table = params.scope("a").add("table", [200, 2], Init::Normal(1.0));
        let other = params.scope("b").add("bias", [2], Init::Ones);
        // Rows alone; both ways of use; values alone; none; rows again.
        for (ids, dense) in [
            (&[3u32, 150, 3][..], false),
            (&[7, 3], true),
            (&[], true),
            (&[9], false),
        ] {
            let pass = Pass::training(&params, Key::new(0));
            let weight = pass.param(table);
            let mut loss = weight.gather(ids).add(&pass.param(other)).sum();
            if dense {
                loss = loss.add(&weight.affine(2.0, 0.0).sum());
            }
            params.backward(&pass, loss);
            let mut want = vec![if dense { 2.0 } else { 0.0 }; 400];
            for id in ids {
                let row = *id as usize * 2;
                want[row..row + 2].iter_mut().for_each(|g| *g += 1.0);
            }
            assert_eq!(params.grad(table).unwrap(), want);
            want.extend([ids.len() as f64; 2]);
            let norm = want.iter().map(|g| g * g).sum::<f64>().sqrt();
            assert!((gradient_norm(&params) - norm).abs() < 1e-12);
        }
        // What a caller wrote is written over.
        params.grads_mut().fill(5.0);
        let pass = Pass::training(&params, Key::new(0));
        let loss = pass.param(table).gather(&[1]).sum();
        params.backward(&pass, loss);
        assert_eq!(params.grads().iter().sum::<f64>(), 2.0);
    }

    #[test]
    fn plain_descent_visits_the_rows_used_and_changes_what_it_would_have() {
        let train = |all_rows: bool| {
            let mut params = Params::<f32>::new(0);
            let table = params.scope("a").add("table", [3000, 5], Init::Normal(1.0));
            let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(Sgd::default()), &params);
            for step in 0..3 {
                let pass = Pass::training(&params, Key::new(0));
                let rows = pass.param(table).gather(&[step, 2900, 77, 2900]);
                let loss: Tensor = rows.square().sum();
                params.backward(&pass, loss);
                drop((pass, rows));
                if all_rows {
                    params.grads_mut(); // may have been written anywhere
                }
                optimizer.step(&mut params, 0.1);
            }
            params.values().to_vec()
        };
        assert_eq!(train(false), train(true));
    }
}
