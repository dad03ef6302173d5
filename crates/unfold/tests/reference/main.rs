//! Layers, losses, optimizers and schedules against values stored from PyTorch, in f64 and f32.
//! `tools/reference.py` made the values and says how they are laid out.

mod layers;
mod losses;
mod networks;
mod optimizers;
mod recurrent;
mod schedules;

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use unfold::nn::{ParamId, Params};
use unfold::tape::Gradients;
use unfold::{Float, Tensor};

/// How far results in a type may be off, relative to the largest value expected.
trait Precision: Float {
    const TOLERANCE: f64;
}

impl Precision for f64 {
    const TOLERANCE: f64 = 1e-9;
}

impl Precision for f32 {
    const TOLERANCE: f64 = 1e-4;
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    tensors: HashMap<String, Stored>,
    #[serde(flatten)]
    settings: HashMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Stored {
    shape: Vec<usize>,
    data: Vec<f64>,
}

/// The cases of a file; there must be some.
fn cases(text: &str) -> Vec<Case> {
    let file: File = serde_json::from_str(text).expect("a reference file");
    assert!(!file.cases.is_empty());
    file.cases
}

impl Case {
    fn setting<T: DeserializeOwned>(&self, name: &str) -> T {
        let value = self.settings.get(name);
        let value = value.unwrap_or_else(|| panic!("{}: no setting {name}", self.name));
        serde_json::from_value(value.clone())
            .unwrap_or_else(|error| panic!("{}: {name}: {error}", self.name))
    }

    fn values(&self, name: &str) -> &[f64] {
        let stored = self.tensors.get(name);
        &stored
            .unwrap_or_else(|| panic!("{}: no tensor {name}", self.name))
            .data
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn tensor<E: Float>(&self, name: &str) -> Tensor<E> {
        let data = self.values(name).iter().map(|&v| E::from_f64(v)).collect();
        Tensor::from_vec(data, &self.tensors[name].shape[..])
    }

    /// Writes a stored tensor over a parameter, checking its shape.
    fn set<E: Float>(&self, params: &mut Params<E>, id: ParamId, name: &str) {
        let tensor = self.tensor::<E>(name);
        assert_eq!(
            params.entry(id).shape,
            tensor.shape(),
            "{}: {name}",
            self.name
        );
        params.get_mut(id).copy_from_slice(tensor.data());
    }

    fn check<E: Precision>(&self, name: &str, found: &[E]) {
        let expected = self.values(name);
        assert_eq!(found.len(), expected.len(), "{}: {name}", self.name);
        let largest = expected.iter().fold(0.0f64, |max, v| max.max(v.abs()));
        let bound = E::TOLERANCE * if largest > 0.0 { largest } else { 1.0 };
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = (found.to_f64() - expected).abs();
            assert!(
                error <= bound,
                "{} in {}: {name}[{i}]: {found}, PyTorch has {expected}",
                self.name,
                std::any::type_name::<E>(),
            );
        }
    }

    /// The loss that the stored gradients are of: sum(y * d_y).
    fn upstream<E: Float>(&self, y: &Tensor<E>, name: &str) -> Tensor<E> {
        let dy = self.tensor(name);
        assert_eq!(y.shape(), dy.shape(), "{}: {name}", self.name);
        y.mul(&dy).sum()
    }

    fn check_gradient<E: Precision>(&self, name: &str, gradients: &Gradients<E>, of: &Tensor<E>) {
        let gradient = gradients.get(of);
        let gradient = gradient.unwrap_or_else(|| panic!("{}: no {name}", self.name));
        self.check(name, gradient.data());
    }

    fn check_param<E: Precision>(&self, name: &str, params: &Params<E>, id: ParamId) {
        self.check(name, params.grad(id).expect("a backward pass"));
    }
}
