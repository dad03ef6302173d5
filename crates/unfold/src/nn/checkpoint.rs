//! Part of a network that keeps its inputs alone.

use crate::nn::{ParamId, Pass};
use crate::{Float, Tensor, ops};

impl<E: Float> Pass<E> {
    /// Part of a network that keeps its `inputs` alone and runs again on the way back
    /// ([`Tensor::checkpoint`]). `run` takes parameters and randomness from the pass that it gets:
    /// parameters have their gradients, both runs draw the same, and only the first one's new values
    /// ([`Pass::update`]) count. Layers are cheap to clone into it.
    ///
    /// The gradients of a parameter that `run` uses more than once, and of the rows of a table, are summed within,
    /// in another order than without checkpoint; otherwise all bits are the same.
    ///
    /// A pass with probes runs it plainly: who looks into a network wants its values kept.
    ///
    /// ```
    /// use unfold::Tensor;
    /// use unfold::nn::{Dropout, Linear, Params, Pass};
    /// use unfold::random::Key;
    ///
    /// let mut params = Params::<f32>::new(1);
    /// let layer = Linear::new(&mut params.scope("layer"), 4, 4);
    /// let dropout = Dropout::new(0.5);
    /// let pass = Pass::training(&params, Key::new(1));
    /// let x = Tensor::full([2, 4], 1.0);
    /// let y = pass.checkpoint(&[&x], move |pass, x| {
    ///     let y = layer.forward(pass, &x[0]).tanh();
    ///     vec![dropout.forward(pass, &y)]
    /// });
    /// params.backward(&pass, y[0].sum());
    /// assert!(params.grads().iter().any(|&g| g != 0.0));
    /// ```
    ///
    /// # Panics
    /// When `run` uses a tracked tensor that is neither an input nor a parameter of the pass it gets.
    #[track_caller]
    pub fn checkpoint(
        &self,
        inputs: &[&Tensor<E>],
        run: impl Fn(&Pass<E>, &[Tensor<E>]) -> Vec<Tensor<E>> + Send + Sync + 'static,
    ) -> Vec<Tensor<E>> {
        if self.is_probing() {
            let inputs: Vec<_> = inputs.iter().copied().cloned().collect();
            return run(self, &inputs);
        }
        let values: Vec<_> = inputs.iter().map(|x| x.detach()).collect();
        let moment = self.moment();
        let first = moment.pass(None);
        let found = run(&first, &values);
        // Only now is it known which parameters are inputs as well.
        let (ids, params): (Vec<ParamId>, Vec<Tensor<E>>) = self.follow(&first).into_iter().unzip();
        let all: Vec<&Tensor<E>> = inputs.iter().copied().chain(&params).collect();
        ops::checkpoint(&all, found, move |all| {
            let (inputs, params) = all.split_at(all.len() - ids.len());
            let params = ids.iter().copied().zip(params.iter().cloned());
            run(&moment.pass(params), inputs)
        })
    }
}
