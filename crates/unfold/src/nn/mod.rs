//! Layers, their parameters, and what trains them.
//!
//! [`Params`] holds all parameters of a model in one flat buffer. A layer is a plain struct of
//! parameter names and sizes: it is made under a [`Scope`] and run in a [`Pass`]. An [`Optimizer`]
//! changes the parameters along their gradients, at a rate that a [`Scheduler`] gives.
//!
//! ```
//! use unfold::nn::{Linear, Optimizer, OptimizerConfig, Params, Pass};
//! use unfold::{Tensor, random::Key};
//!
//! // Which of two numbers is larger?
//! let mut params = Params::<f32>::new(1);
//! let hidden = Linear::new(&mut params.scope("hidden"), 2, 8);
//! let head = Linear::new(&mut params.scope("head"), 8, 2);
//! let mut optimizer = Optimizer::new(OptimizerConfig::default(), &params);
//!
//! let key = Key::new(2);
//! let numbers: Vec<f32> = (0..256).map(|i| key.uniform(i) as f32).collect();
//! let answers: Vec<u32> = numbers.chunks(2).map(|n| (n[1] > n[0]).into()).collect();
//! let x = Tensor::from_vec(numbers, [128, 2]);
//!
//! let mut last = f32::INFINITY;
//! for step in 0..200 {
//!     let pass = Pass::training(&params, key.child(step));
//!     let h = hidden.forward(&pass, &x).relu(); // [128, 8]
//!     let loss = head.forward(&pass, &h).cross_entropy(&answers, &Default::default());
//!     last = loss.item();
//!     params.backward(&pass, loss);
//!     drop((pass, h));
//!     optimizer.step(&mut params, 0.01);
//! }
//! assert!(last < 0.2, "{last}");
//! ```

mod activation_penalty;
mod adaptive_softmax;
mod batch_norm;
mod checkpoint;
mod choice;
mod clip;
mod conv1d;
mod conv2d;
mod conv_transpose2d;
mod dropout;
mod embedding;
mod frozen_recurrent;
mod group_norm;
mod init;
mod layer_norm;
mod layer_norm_lstm;
mod linear;
mod locked_dropout;
pub mod network;
mod optimizer;
mod params;
mod pass;
mod pool;
mod recurrent;
mod recurrent_config;
mod schedule;
mod spatial_dropout;
mod step;
mod through_time;
mod whitening;

pub use activation_penalty::ActivationPenalty;
pub use adaptive_softmax::AdaptiveSoftmax;
pub use batch_norm::BatchNorm;
pub use clip::{clip_norm, clip_value, gradient_norm, max_norm};
pub use conv_transpose2d::ConvTranspose2d;
pub use conv1d::{Conv1d, FrozenConv1d};
pub use conv2d::{Conv2d, FrozenConv2d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use frozen_recurrent::FrozenRecurrent;
pub use group_norm::GroupNorm;
pub use init::Init;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use locked_dropout::LockedDropout;
pub use optimizer::{
    Adadelta, Adam, AdamW, Lookahead, NonMonotone, Optimizer, OptimizerConfig, RmsProp, Sgd,
};
pub use params::{Entry, ParamId, Params, Scope};
pub use pass::{Pass, Probe};
pub use pool::Pool;
pub use recurrent::{Recurrent, RecurrentOutput, States};
pub use recurrent_config::{GateBias, RecurrentConfig, RecurrentInit};
pub use schedule::{Anneal, Goal, Schedule, Scheduler};
pub use spatial_dropout::SpatialDropout;
pub use step::{RecurrentInt8, RecurrentState};
pub use through_time::through_time;
pub use whitening::whiten;
