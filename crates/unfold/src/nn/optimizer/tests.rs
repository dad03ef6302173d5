use super::*;
use crate::Key;
use crate::nn::{Init, Pass};

fn configs() -> Vec<OptimizerConfig> {
    vec![
        OptimizerConfig::Sgd(Sgd {
            momentum: 0.9,
            ..Sgd::default()
        }),
        OptimizerConfig::Adam(Adam::default()),
        OptimizerConfig::AdamW(AdamW::default()),
        OptimizerConfig::RmsProp(RmsProp {
            momentum: 0.9,
            centered: true,
            ..RmsProp::default()
        }),
        OptimizerConfig::Adadelta(Adadelta::default()),
    ]
}

/// Parameters whose gradients are twice their values.
fn squares() -> Params<f64> {
    let mut params = Params::new(0);
    params.scope("a").add("weight", [2, 2], Init::Normal(1.0));
    params.scope("b").add_frozen("weight", [3], Init::Ones);
    params.scope("c").add("bias", [2], Init::Normal(1.0));
    params
}

fn step(params: &mut Params<f64>, optimizer: &mut Optimizer<f64>) {
    let loss = {
        let pass = crate::nn::Pass::training(params, crate::random::Key::new(0));
        let ids: Vec<_> = params
            .entries()
            .map(|e| params.id(&e.name).unwrap())
            .collect();
        let squares: Vec<_> = ids
            .iter()
            .map(|&id| pass.param(id).square().sum())
            .collect();
        let loss = squares[0].add(&squares[1]).add(&squares[2]);
        params.backward(&pass, loss.clone());
        loss.item()
    };
    assert!(loss.is_finite());
    optimizer.step(params, 0.01);
}

#[test]
fn a_restored_optimizer_goes_on_bit_for_bit() {
    for config in configs() {
        let mut params = squares();
        let mut optimizer = Optimizer::new(config.clone(), &params);
        for decay in [None, Some(1.0), Some(0.6)] {
            if let Some(decay) = decay {
                optimizer.start_moving_average(&params, decay);
            }
            for _ in 0..3 {
                step(&mut params, &mut optimizer);
            }
            let mut resumed = Optimizer::new(config.clone(), &params);
            resumed.restore(&optimizer.state()).unwrap();
            assert_eq!(resumed.steps(), optimizer.steps());
            let mut copy = params.clone();
            step(&mut params, &mut optimizer);
            step(&mut copy, &mut resumed);
            assert_eq!(params.values(), copy.values());
            assert_eq!(optimizer.averaged(), resumed.averaged());
            assert_eq!(optimizer.averaged().is_some(), decay.is_some());
        }
    }
}

#[test]
fn the_average_is_the_mean_of_all_values_since_its_start() {
    for config in configs() {
        let mut params = squares();
        let mut optimizer = Optimizer::new(config, &params);
        step(&mut params, &mut optimizer);
        optimizer.start_averaging(&params);
        let mut seen = vec![params.values().to_vec()];
        for _ in 0..4 {
            step(&mut params, &mut optimizer);
            seen.push(params.values().to_vec());
        }
        let averaged = optimizer.averaged().unwrap();
        for (i, average) in averaged.iter().enumerate() {
            let mean = seen.iter().map(|values| values[i]).sum::<f64>() / 5.0;
            assert!((average - mean).abs() < 1e-12);
        }
    }
}

#[test]
fn each_parameter_has_a_rate() {
    let mut params = Params::<f64>::new(1);
    let ids = ["a", "b", "c"].map(|name| params.scope(name).add("w", [2], Init::Ones));
    params.set_rate(ids[1], 10.0);
    let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(Sgd::default()), &params);
    let pass = Pass::training(&params, Key::new(0));
    let sums = ids.map(|id| pass.param(id).sum());
    let loss = sums[0].add(&sums[1]).add(&sums[2]);
    params.backward(&pass, loss);
    drop((pass, sums));
    optimizer.step(&mut params, 0.0625);
    assert_eq!(
        params.values(),
        [0.9375, 0.9375, 0.375, 0.375, 0.9375, 0.9375]
    );
}

#[test]
fn a_moving_average_forgets_once_it_knows_enough() {
    let mut params = squares();
    let mut optimizer = Optimizer::new(OptimizerConfig::default(), &params);
    optimizer.start_moving_average(&params, 0.7);
    let mut expected = params.values().to_vec();
    // The first values count alike, then the newest have 3 tenths.
    for share in [1.0 / 2.0, 1.0 / 3.0, 0.3, 0.3, 0.3] {
        step(&mut params, &mut optimizer);
        for (mean, value) in expected.iter_mut().zip(params.values()) {
            *mean += (value - *mean) * share;
        }
        let averaged = optimizer.averaged().unwrap().iter();
        assert!(averaged.zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}

#[test]
fn a_trigger_goes_on_from_its_state() {
    let losses = [5.0, 4.0, 4.5, 4.2, 4.1, 3.0, 3.9, 4.05];
    let mut trigger = NonMonotone::new(2);
    let whole = losses.map(|loss| trigger.observe(loss));
    assert_eq!(
        whole,
        [false, false, false, false, true, false, false, true]
    );
    let mut first = NonMonotone::new(2);
    losses[..4].iter().for_each(|&loss| _ = first.observe(loss));
    let mut second = NonMonotone::new(2);
    second.restore(first.state());
    let rest: Vec<bool> = losses[4..].iter().map(|&l| second.observe(l)).collect();
    assert_eq!(rest, whole[4..]);
}

/// Beside the two copies of all values, kept by hand.
#[test]
fn slow_values_follow_and_the_fast_begin_from_them() {
    for config in configs() {
        let (mut params, mut plain) = (squares(), squares());
        let lookahead = Lookahead {
            every: 3,
            alpha: 0.4,
            rise: 2.0,
        };
        let mut optimizer = Optimizer::new(config.clone(), &params);
        optimizer.look_ahead(&params, lookahead, 8);
        let mut unaided = Optimizer::new(config, &plain);
        let mut slow = params.values().to_vec();
        for n in 1..=8 {
            step(&mut params, &mut optimizer);
            step(&mut plain, &mut unaided);
            if [3, 6, 8].contains(&n) {
                let share = 1.0 - 0.6 * (n as f64 / 8.0).powi(2);
                for (slow, fast) in slow.iter_mut().zip(plain.values_mut()) {
                    *slow += share * (*fast - *slow);
                    *fast = *slow;
                }
            }
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
            assert!(params.values().iter().zip(plain.values()).all(near));
            // Another goes on from its state alone.
            let mut resumed = Optimizer::new(optimizer.config().clone(), &params);
            resumed.look_ahead(&params, lookahead, 8);
            resumed.restore(&optimizer.state()).unwrap();
            optimizer = resumed;
        }
        let mut other = Optimizer::new(optimizer.config().clone(), &params);
        other.look_ahead(&params, lookahead, 8);
        let error = other.restore(&unaided.state()).unwrap_err().to_string();
        assert!(error.contains("`slow`"), "{error}");
    }
}

#[test]
fn a_lookahead_that_cannot_be_meant_is_told() {
    for (text, expected) in [
        ("every = 0", "train.lookahead.every"),
        ("alpha = 0", "above 0 and up to 1"),
        ("alpha = 1.5", "is 1.5"),
        ("rise = -1", "at least 0"),
    ] {
        let config: Lookahead = toml::from_str(text).unwrap();
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn every_chunk_is_changed_alike() {
    for config in configs() {
        let mut params = Params::<f64>::new(0);
        let n = 2 * CHUNK + 100;
        let x = params.scope("a").add("x", [n], Init::Ones);
        let mut optimizer = Optimizer::new(config, &params);
        for _ in 0..2 {
            let pass = crate::nn::Pass::training(&params, crate::random::Key::new(0));
            let loss = pass.param(x).square().sum();
            params.backward(&pass, loss);
            drop(pass);
            optimizer.step(&mut params, 0.01);
        }
        let first = params.values()[0];
        assert!(first < 1.0 && params.values().iter().all(|&v| v == first));
    }
}

#[test]
fn frozen_values_stay() {
    for config in configs() {
        let mut params = squares();
        let before = params.values().to_vec();
        let mut optimizer = Optimizer::new(config, &params);
        step(&mut params, &mut optimizer);
        let changed: Vec<bool> = before
            .iter()
            .zip(params.values())
            .map(|(a, b)| a != b)
            .collect();
        assert_eq!(
            changed,
            [true, true, true, true, false, false, false, true, true]
        );
    }
}

#[test]
fn steps_are_exact_in_f32() {
    let params = Params::<f32>::new(0);
    let mut optimizer = Optimizer::new(OptimizerConfig::default(), &params);
    let steps = (1 << 24) + 1;
    optimizer.steps = Clock::new(steps);
    let mut resumed = Optimizer::new(OptimizerConfig::default(), &params);
    resumed.restore(&optimizer.state()).unwrap();
    assert_eq!(resumed.steps(), steps);
}

#[test]
fn a_state_of_another_optimizer_is_refused() {
    let params = squares();
    let sgd = Optimizer::new(configs()[0].clone(), &params);
    let mut adam = Optimizer::new(configs()[1].clone(), &params);
    let error = adam.restore(&sgd.state()).unwrap_err().to_string();
    assert!(
        error.contains("optimizer adam: expected 9 values of `mean`, got 0"),
        "{error}"
    );
    assert_eq!(adam.steps(), 0);
}

#[test]
fn a_recipe_names_the_optimizer() {
    #[derive(Debug, Deserialize, Serialize)]
    struct Recipe {
        optimizer: OptimizerConfig,
    }
    let read = |text: &str| toml::from_str::<Recipe>(text);
    assert_eq!(
        read("optimizer = 'adamw'").unwrap().optimizer,
        OptimizerConfig::AdamW(AdamW::default())
    );
    let table = "optimizer = { kind = 'rmsprop', centered = true }";
    let recipe = read(table).unwrap();
    assert_eq!(
        recipe.optimizer,
        OptimizerConfig::RmsProp(RmsProp {
            centered: true,
            ..RmsProp::default()
        })
    );
    let written = toml::to_string(&recipe).unwrap();
    assert_eq!(read(&written).unwrap().optimizer, recipe.optimizer);
    let unknown = read("optimizer = 'adan'").unwrap_err().to_string();
    assert!(
        unknown.contains("unknown variant `adan`, expected one of `sgd`, `adam`"),
        "{unknown}"
    );
    let field = read("optimizer = { kind = 'adam', beta3 = 1 }")
        .unwrap_err()
        .to_string();
    assert!(
        field.contains("unknown field `beta3`, expected one of `beta1`"),
        "{field}"
    );
}

#[test]
fn settings_are_checked() {
    for config in configs() {
        config.check().unwrap();
    }
    let adam = OptimizerConfig::Adam(Adam {
        beta1: 1.0,
        ..Adam::default()
    });
    assert_eq!(
        adam.check().unwrap_err().to_string(),
        "optimizer adam: beta1 = 1\n  beta1 must be at least 0 and below 1"
    );
}
