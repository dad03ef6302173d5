//! Changes against what Pillow makes of the same pictures (`tools/make_picture_fixtures.py`).

use super::mix::{cut_mix, mix_up};
use super::*;
use crate::data::pictures::form::{Fit, View};
use crate::data::pictures::testing::{Stored, changes, differ};

fn form(height: usize, width: usize, channels: usize) -> PictureForm {
    PictureForm {
        height,
        width,
        channels,
        fit: Fit::Crop,
    }
}

fn changed(name: &str, from: &Stored) -> Vec<u8> {
    let (mut pixels, form) = (
        from.values.clone(),
        form(from.shape[0], from.shape[1], from.shape[2]),
    );
    let (kind, strength) = name.split_once(' ').unwrap_or((name, "0"));
    let strength: f64 = strength.parse().unwrap();
    match kind {
        "brightness" => colour::brightness(&mut pixels, strength),
        "contrast" => colour::contrast(&mut pixels, form.channels, strength),
        "saturation" => colour::saturation(&mut pixels, strength),
        "hue" => colour::hue(&mut pixels, strength),
        "sharpness" => tone::sharpness(&from.values, &mut pixels, &form, strength),
        "autocontrast" => tone::autocontrast(&mut pixels, form.channels),
        "equalize" => tone::equalize(&mut pixels, form.channels),
        "posterize" => tone::posterize(&mut pixels, strength as u32),
        "solarize" => tone::solarize(&mut pixels, strength),
        other => panic!("no change {other}"),
    }
    pixels
}

#[test]
fn light_and_colour_change_as_in_pillow() {
    for (picture, case) in changes() {
        assert!(case.results.len() >= 10);
        for (name, expected) in &case.results {
            // Pillow cuts fractions off where we round.
            let most = if name.contains(' ') { 1 } else { 0 };
            let worst = differ(&changed(name, &case.from), expected);
            assert!(worst <= most, "{name} of {picture}: {worst}");
            assert_ne!(
                &case.from.values, expected,
                "{name} of {picture} changes nothing"
            );
        }
    }
}

#[test]
fn places_change_as_in_pillow() {
    for (picture, case) in changes() {
        let [height, width, channels] = case.from.shape;
        for moved in &case.moves {
            let affine = Affine {
                degrees: moved.degrees,
                right: moved.right,
                down: moved.down,
                scale: moved.scale,
                shear: moved.shear,
            };
            let mut to = vec![0; case.from.values.len()];
            let form = form(height, width, channels);
            affine.apply(&case.from.values, &mut to, &form, Border::Black, [0; 3]);
            let mut compared = 0;
            for (place, _) in moved
                .inside
                .iter()
                .enumerate()
                .filter(|(_, inside)| **inside == 1)
            {
                let place = place * channels..(place + 1) * channels;
                let worst = differ(&to[place.clone()], &moved.to.values[place]);
                assert!(worst <= 1, "{moved:?} of {picture}: {worst}");
                compared += 1;
            }
            assert!(compared > 80, "{compared}");
        }
    }
}

#[test]
fn what_lies_beyond_the_edge_is_as_configured() {
    let from: Vec<u8> = (0..2 * 4 * 3).map(|i| 100 + i).collect();
    let form = form(2, 4, 3);
    let right = Affine {
        right: 1.0,
        ..Affine::NONE
    };
    let shown = |border: Border, fill| {
        let mut to = vec![0; from.len()];
        right.apply(&from, &mut to, &form, border, fill);
        assert_eq!(to[3..12], from[..9]);
        to[..3].to_vec()
    };
    assert_eq!(shown(Border::Black, [0; 3]), [0; 3]);
    assert_eq!(shown(Border::Mean, [1, 2, 3]), [1, 2, 3]);
    assert_eq!(shown(Border::Mirror, [0; 3]), from[3..6]);
    let mut same = vec![0; from.len()];
    Affine::NONE.apply(&from, &mut same, &form, Border::Black, [0; 3]);
    assert_eq!(same, from);
}

fn apply(config: AugmentConfig, from: &[u8], form: &PictureForm, picture: usize) -> Vec<u8> {
    apply_in(0, config, from, form, picture)
}

fn apply_in(
    epoch: usize,
    config: AugmentConfig,
    from: &[u8],
    form: &PictureForm,
    picture: usize,
) -> Vec<u8> {
    let view = View {
        width: form.width,
        height: form.height,
        channels: form.channels,
        pixels: from,
    };
    let mut canvas = Canvas::default();
    let augmenter = Augmenter::new(config, form.clone(), [9; 3]);
    let key = Key::new(1).child(epoch as u64);
    augmenter.apply(view, picture, Moment { epoch, key }, &mut canvas);
    canvas.pixels
}

#[test]
fn half_of_the_pictures_are_mirrored() {
    let config = AugmentConfig {
        flip: Flip::Random,
        ..AugmentConfig::default()
    };
    let form = form(1, 3, 1);
    let mirrored = (0..1000).filter(|&n| match apply(config.clone(), &[1, 2, 3], &form, n)[..] {
        [1, 2, 3] => false,
        [3, 2, 1] => true,
        ref other => panic!("{other:?}"),
    });
    let mirrored = mirrored.count();
    assert!((450..550).contains(&mirrored), "{mirrored}");
}

/// Every two epochs show each picture once as it is and once mirrored.
#[test]
fn pictures_may_be_mirrored_in_every_other_epoch() {
    let config: AugmentConfig = toml::from_str("flip = \"alternate\"").unwrap();
    let form = form(1, 3, 1);
    let seen = |epoch, n| apply_in(epoch, config.clone(), &[1, 2, 3], &form, n);
    let mut first = 0;
    for n in 0..1000 {
        let epochs = [0, 1, 2, 3].map(|epoch| seen(epoch, n) == [3, 2, 1]);
        assert_eq!(epochs, [epochs[0], !epochs[0], epochs[0], !epochs[0]]);
        first += usize::from(epochs[0]);
    }
    assert!((450..550).contains(&first), "{first}");
}

#[test]
fn crops_reach_everywhere() {
    let config = AugmentConfig {
        crop_padding: 2,
        ..AugmentConfig::default()
    };
    let form = form(5, 5, 1);
    let mut from = vec![0; 25];
    from[12] = 1;
    let mut seen = [0; 25];
    for n in 0..2500 {
        let to = apply(config.clone(), &from, &form, n);
        seen[to.iter().position(|&value| value == 1).unwrap()] += 1;
    }
    assert!(
        seen.iter().all(|&count| (60..140).contains(&count)),
        "{seen:?}"
    );
}

#[test]
fn squares_and_rectangles_are_covered() {
    let form = form(8, 9, 3);
    let from = vec![50; 8 * 9 * 3];
    let covered = |config: &AugmentConfig, n| {
        let to = apply(config.clone(), &from, &form, n);
        let covered = to.chunks(3).filter(|pixel| **pixel == [9; 3]).count();
        assert_eq!(to.iter().filter(|&&value| value == 9).count(), 3 * covered);
        covered
    };
    let cutout = AugmentConfig {
        cutout: 4,
        ..AugmentConfig::default()
    };
    let counts: Vec<usize> = (0..500).map(|n| covered(&cutout, n)).collect();
    // The middle lies inside; so does at least a quarter of the square.
    assert!(
        counts.iter().all(|count| (4..=16).contains(count)),
        "{counts:?}"
    );
    assert!(counts.contains(&16) && counts.contains(&4));
    let erase = AugmentConfig {
        erase: Some(Erase {
            probability: 0.5,
            area: [0.2, 0.4],
            aspect: [0.5, 2.0],
        }),
        ..AugmentConfig::default()
    };
    let counts: Vec<usize> = (0..500).map(|n| covered(&erase, n)).collect();
    let none = counts.iter().filter(|&&count| count == 0).count();
    assert!((200..300).contains(&none), "{none}");
    assert!(
        counts
            .iter()
            .all(|&count| count == 0 || (10..=36).contains(&count)),
        "{counts:?}"
    );
}

#[test]
fn rectangles_keep_to_their_areas_and_aspects() {
    let crop = ResizedCrop {
        area: [0.3, 0.6],
        aspect: [0.5, 2.0],
    };
    let view = View {
        width: 40,
        height: 30,
        channels: 1,
        pixels: &[],
    };
    for n in 0..500 {
        let mut draws = Draws {
            key: Key::new(n),
            next: 0,
        };
        let window = rectangle(view, &crop, &mut draws);
        let area = window.width * window.height / 1200.0;
        let aspect = window.width / window.height;
        assert!(
            (0.28..0.63).contains(&area) && (0.48..2.1).contains(&aspect),
            "{window:?}"
        );
        assert!(window.left >= 0.0 && window.left + window.width <= 40.0);
        assert!(window.top >= 0.0 && window.top + window.height <= 30.0);
    }
    // Nothing of these aspects fits into a line of pixels, but for its middle.
    let line = View { height: 1, ..view };
    let mut draws = Draws {
        key: Key::new(1),
        next: 0,
    };
    let window = rectangle(line, &crop, &mut draws);
    assert_eq!((window.left, window.width, window.height), (19.0, 2.0, 1.0));
}

#[test]
fn drawn_operations_change_most_pictures_and_hurt_none() {
    for (picture, case) in changes() {
        let [height, width, channels] = case.from.shape;
        let form = form(height, width, channels);
        for magnitude in [0, 9, 30] {
            let config = AugmentConfig {
                randaugment: Some(RandAugment {
                    operations: 2,
                    magnitude,
                }),
                ..AugmentConfig::default()
            };
            let results: Vec<Vec<u8>> = (0..300)
                .map(|n| apply(config.clone(), &case.from.values, &form, n))
                .collect();
            assert!(results.iter().all(|to| to.len() == case.from.values.len()));
            let mut different = results.clone();
            different.sort();
            different.dedup();
            // At magnitude 0 autocontrast and equalize alone change anything.
            let range = if magnitude == 0 { 3..20 } else { 40..300 };
            assert!(
                range.contains(&different.len()),
                "{picture}, {magnitude}: {}",
                different.len()
            );
        }
    }
}

#[test]
fn settings_that_cannot_be_meant() {
    let form = form(32, 32, 3);
    let said = |toml: &str, form: &PictureForm| {
        let config: AugmentConfig = toml::from_str(toml).unwrap();
        config
            .check(form)
            .err()
            .map_or_else(String::new, |error| error.to_string())
    };
    let good = "crop_padding = 4\nflip = true\ncutout = 8\nrotate = 10\nscale = [0.9, 1.1]\nrandaugment = {}\n\
                resized_crop = { area = [0.35, 1.0] }\nborder = \"mirror\"";
    assert_eq!(said(good, &form), "");
    for (toml, key) in [
        ("crop_padding = 33", "augment.crop_padding"),
        ("rotate = nan", "augment.rotate"),
        ("scale = [0.0, 1.0]", "augment.scale"),
        ("scale = [1.2, 1.1]", "augment.scale"),
        ("hue = 0.6", "augment.hue"),
        ("mixup = -1.0", "augment.mixup"),
        (
            "randaugment = { magnitude = 31 }",
            "augment.randaugment.magnitude",
        ),
        (
            "resized_crop = { area = [0.0, 1.0] }",
            "augment.resized_crop.area",
        ),
        ("erase = { probability = 2.0 }", "augment.erase.probability"),
    ] {
        let message = said(toml, &form);
        assert!(
            message.starts_with(key) && message.contains("choose"),
            "{toml}: {message}"
        );
    }
    let grey = PictureForm {
        channels: 1,
        ..form
    };
    assert!(said("hue = 0.1", &grey).contains("no colours"));
    assert!(toml::from_str::<AugmentConfig>("flips = true").is_err());
    let wrong = toml::from_str::<AugmentConfig>("flip = \"often\"");
    assert!(wrong.unwrap_err().to_string().contains("choose true"));
    // What is written can be read again.
    let config: AugmentConfig = toml::from_str(good).unwrap();
    let again: AugmentConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(config, again);
}

#[test]
fn pictures_are_mixed_with_their_mates() {
    let from: Vec<f32> = (0..5 * 8 * 9 * 2).map(|i| i as f32).collect();
    let picture = |pixels: &[f32], b: usize| pixels[b * 144..(b + 1) * 144].to_vec();
    let mut mixed = from.clone();
    let how = mix_up(&mut mixed, 5, 0.4, Key::new(3));
    for b in 0..5 {
        let (own, other) = (picture(&from, b), picture(&from, how.other(b, 5)));
        for (value, (own, other)) in picture(&mixed, b).iter().zip(own.iter().zip(other)) {
            let expected = how.weight * own + (1.0 - how.weight) * other;
            assert!((value - expected).abs() < 1e-3);
        }
    }
    let mut partly = 0;
    for seed in 0..50 {
        let mut mixed = from.clone();
        let how = cut_mix(&mut mixed, [5, 8, 9, 2], 1.0, Key::new(seed));
        for b in 0..5 {
            let (own, other) = (picture(&from, b), picture(&from, how.other(b, 5)));
            let result = picture(&mixed, b);
            let pixels = result.chunks(2).zip(own.chunks(2).zip(other.chunks(2)));
            let (mut kept, mut taken) = (0, 0);
            for (pixel, (own, other)) in pixels {
                kept += usize::from(pixel == own);
                taken += usize::from(pixel == other && pixel != own);
            }
            assert_eq!(kept + taken, 72);
            if b != 2 {
                assert!(
                    (kept as f32 / 72.0 - how.weight).abs() < 1e-6,
                    "{kept} {how:?}"
                );
            }
        }
        partly += usize::from(how.weight > 0.0 && how.weight < 1.0);
    }
    assert!(partly > 10, "{partly}");
    assert!(mix_up(&mut [], 0, 1.0, Key::new(1)).weight.is_finite());
}

#[test]
fn weights_come_from_the_beta_distribution() {
    for alpha in [0.2, 1.0, 4.0] {
        let n = 20_000;
        let weights: Vec<f64> = (0..n)
            .map(|seed| f64::from(mix_up(&mut [], 0, alpha, Key::new(seed)).weight))
            .collect();
        let mean = weights.iter().sum::<f64>() / n as f64;
        let variance = weights.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / n as f64;
        let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
        assert!((mean - 0.5).abs() < 0.01, "{alpha}: {mean}");
        assert!(
            (variance / expected - 1.0).abs() < 0.05,
            "{alpha}: {variance} {expected}"
        );
        assert!(weights.iter().all(|w| (0.0..=1.0).contains(w)));
    }
}
