//! A stretch of a computation that keeps its inputs alone and is computed again on the way back
//! (Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016).

use unfold_kernels::Buffer;

use super::{Op, Reads, Saved, Wanted, apply};
use crate::{Float, Shape, Tensor, tape};

/// What the forward pass found, and how to find it again.
struct Checkpoint<E: Float, F> {
    run: F,
    /// Empty once they are copied.
    found: Vec<Tensor<E>>,
}

impl<E: Float, F> Op<E> for Checkpoint<E, F>
where
    F: Fn(&[Tensor<E>]) -> Vec<Tensor<E>> + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn shapes(&self, _: &[Shape]) -> Result<Vec<Shape>, String> {
        // Its gradient would be lost without a word.
        if let Some(i) = self.found.iter().position(Tensor::tracked) {
            return Err(format!(
                "expected outputs computed from the inputs alone, got a tracked tensor in output {i}"
            ));
        }
        Ok(self.found.iter().map(Tensor::shape).collect())
    }

    fn forward(&mut self, _: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        // Copied, so that an output that looks at part of something larger does not keep all of it.
        for (output, found) in outputs.iter_mut().zip(self.found.drain(..)) {
            output.copy_from_slice(found.data());
        }
    }

    fn reads(&self) -> Reads {
        Reads::Inputs
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let watch = |(x, wanted): (&Tensor<E>, &Wanted<'_, E>)| {
            if wanted.is() { x.watch() } else { x.clone() }
        };
        let inputs = (0..wanted.len()).map(|i| saved.tensor(i));
        let inputs: Vec<_> = inputs.zip(wanted).map(watch).collect();
        // No handle on the outputs stays, so that the walk frees each node that it leaves.
        let outputs = (self.run)(&inputs).into_iter().zip(gradients);
        let results: Vec<_> = outputs
            .filter_map(|(output, gradient)| Some((output.into_source()?, gradient.clone()?)))
            .collect();
        let found = tape::backward(results, None);
        inputs.iter().map(|x| found.get(x).cloned()).collect()
    }
}

/// Records that `run` made `found` from the values of `inputs`.
#[track_caller]
pub(crate) fn checkpoint<E: Float>(
    inputs: &[&Tensor<E>],
    found: Vec<Tensor<E>>,
    run: impl Fn(&[Tensor<E>]) -> Vec<Tensor<E>> + Send + Sync + 'static,
) -> Vec<Tensor<E>> {
    apply(Checkpoint { run, found }, inputs)
}

impl<E: Float> Tensor<E> {
    /// What `run` makes of `inputs`, keeping nothing else for the gradients: going back, `run` runs again.
    /// That costs the time of another forward pass and saves the memory of all values within.
    ///
    /// Gradients are those of `run(inputs)`, to the bit where `run` uses each input once: several gradients
    /// of one input are summed before they leave, and so in another order beside those from outside.
    ///
    /// `run` must do the same whenever it runs. What it uses of parameters and randomness goes through
    /// [`Pass::checkpoint`](crate::nn::Pass::checkpoint), which hands them to it.
    ///
    /// ```
    /// use unfold::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0], [2]).watch();
    /// let y = Tensor::checkpoint(&[&x], |x| vec![x[0].square().exp()]);
    /// let gradients = y[0].sum().backward();
    /// let plain = x.square().exp().sum().backward();
    /// assert_eq!(gradients.get(&x).unwrap().data(), plain.get(&x).unwrap().data());
    /// ```
    ///
    /// # Panics
    /// When `run` uses a tracked tensor that is not among the inputs.
    #[track_caller]
    pub fn checkpoint(
        inputs: &[&Tensor<E>],
        run: impl Fn(&[Tensor<E>]) -> Vec<Tensor<E>> + Send + Sync + 'static,
    ) -> Vec<Tensor<E>> {
        let values: Vec<_> = inputs.iter().map(|x| x.detach()).collect();
        checkpoint(inputs, run(&values), run)
    }
}
