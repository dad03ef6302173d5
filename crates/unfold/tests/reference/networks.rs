//! The field's networks against PyTorch's, with weights read from a file as PyTorch stores them.
//! `tools/reference_networks.py` made the values, and says how weights and inputs follow from their names;
//! `tools/reference_efficientnet.py` made those of a trained network.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use unfold::nn::network::{
    LayerConfig, Network, Outline, Parts, Stem, cnn, efficientnet_lite0, feed_forward, lenet5,
    mobilenet_v2, resnet9, resnet18, resnet34, resnet50,
};
use unfold::nn::{Params, Pass};
use unfold::tasks::image::{ModelConfig, NoConfig, import};
use unfold::{Error, Tensor};

use crate::cases;

/// Numbers in 0..1 that depend on the name and their place alone.
fn numbers(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let seed = name.bytes().fold(2_166_136_261u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
    });
    (0..count as u32).map(move |i| {
        let mut x = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9));
        x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D);
        x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
        f64::from(x ^ (x >> 16)) / 2f64.powi(32)
    })
}

/// The values of a parameter of that name, in PyTorch's layout.
fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let fan_in: usize = shape[1..].iter().product();
    let bound = (6.0 / fan_in as f64).sqrt();
    let part = name.rsplit('.').next().unwrap();
    let value = |u: f64| match (shape.len(), part) {
        (2.., _) => (2.0 * u - 1.0) * bound,
        (_, "running_var") => 0.5 + u,
        (_, "weight") => 0.5 + 0.5 * u,
        _ => 0.2 * (2.0 * u - 1.0),
    };
    numbers(name, count).map(|u| value(u) as f32).collect()
}

/// The names that PyTorch has for the network's parameters, with their shapes there.
fn theirs(params: &Params<f32>) -> Vec<(String, Vec<usize>)> {
    let entries = params.entries().map(|entry| {
        let shape = match *entry.shape.dims() {
            [kh, kw, c, o] => vec![o, c, kh, kw],
            [c, o] => vec![o, c],
            ref other => other.to_vec(),
        };
        (entry.name.strip_prefix("net.").unwrap().to_string(), shape)
    });
    entries.collect()
}

fn write(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(name, shape)| {
            values(name, shape)
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect()
        })
        .collect();
    let mut views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape), bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
            (name.as_str(), view)
        })
        .collect();
    // PyTorch counts batches, which nothing here reads.
    let count = 7i64.to_le_bytes();
    views.push((
        "bn1.num_batches_tracked",
        TensorView::new(Dtype::I64, vec![], &count).unwrap(),
    ));
    let file = safetensors::serialize(views, None::<HashMap<String, String>>).unwrap();
    std::fs::write(path, file).unwrap();
}

fn made(layers: &[LayerConfig], input: [usize; 3]) -> (Params<f32>, Network) {
    let outline = Outline::new(layers, input, "layers").unwrap();
    let mut params = Params::new(1);
    let network = Network::new(&mut params.scope("net"), &outline);
    (params, network)
}

#[test]
fn networks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.safetensors");
    for case in cases(include_str!("networks.json")) {
        let layers = match case.name.as_str() {
            "feed_forward" => feed_forward(&[6], 0.0, 3),
            "lenet5" => lenet5(10),
            "cnn" => cnn(&[8, 16], 0.0, 10),
            "resnet9" => resnet9(8, 0.125, 10),
            "resnet18" => resnet18(10, Stem::Large),
            "resnet18 small" => resnet18(10, Stem::Small),
            "resnet34" => resnet34(10, Stem::Large),
            "resnet50" => resnet50(10, Stem::Large),
            "mobilenet_v2" => mobilenet_v2(1.0, 10, Stem::Large),
            "mobilenet_v2 half" => mobilenet_v2(0.5, 10, Stem::Large),
            other => panic!("{other}"),
        };
        let [h, w, c] = case.setting("input");
        let (mut params, network) = made(&layers, [h, w, c]);
        write(&path, &theirs(&params));
        network
            .read_pytorch(&mut params, &path, Parts::All)
            .unwrap();
        let x = numbers("input", 2 * h * w * c).map(|u| (2.0 * u - 1.0) as f32);
        let x = Tensor::from_vec(x.collect(), [2, h, w, c]);
        case.check("y", network.forward(&Pass::evaluation(&params), &x).data());
        case.check("y", network.frozen(&params).forward(&x).data());
    }
}

/// A picture sampled at 224 x 224 pixels of its middle square, as the network takes it: `[1, 224, 224, 3]`.
fn sampled(path: &Path) -> Tensor {
    const SIZE: usize = 224;
    let picture = image::open(path).unwrap().to_rgb8();
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let side = w.min(h);
    let at = |i: usize| (i * side + side / 2) / SIZE;
    let values = (0..SIZE * SIZE).flat_map(|i| {
        let (x, y) = ((w - side) / 2 + at(i % SIZE), (h - side) / 2 + at(i / SIZE));
        let pixel = picture.get_pixel(x as u32, y as u32);
        pixel.0.map(|v| (f32::from(v) - 127.0) / 128.0)
    });
    Tensor::from_vec(values.collect(), [1, SIZE, SIZE, 3])
}

/// A trained network says what it says in ONNX Runtime, number by number.
#[test]
fn efficientnet_lite0_trained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../../../shared/data/pretrained");
    let weights = folder.join("efficientnet-lite0.safetensors");
    if !weights.exists() {
        println!("skipped: there is no {}", weights.display());
        return;
    }
    let (mut params, network) = made(&efficientnet_lite0(1000), [224, 224, 3]);
    network
        .read_pytorch(&mut params, &weights, Parts::All)
        .unwrap();
    let frozen = network.frozen(&params);
    for case in cases(include_str!("efficientnet_lite0.json")) {
        let folder = match case.name.as_str() {
            "parrot.png" => &root.join("tests/reference"),
            _ => &folder,
        };
        let x = sampled(&folder.join(&case.name));
        let evaluated = network.forward(&Pass::evaluation(&params), &x);
        for logits in [evaluated, frozen.forward(&x)] {
            for (i, (found, expected)) in
                logits.data().iter().zip(case.values("logits")).enumerate()
            {
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 1e-3, "{} [{i}]: {found}, not {expected}", case.name);
            }
            let best = (0..1000).max_by(|&i, &j| logits.data()[i].total_cmp(&logits.data()[j]));
            assert_eq!(best, Some(case.setting("answer")), "{}", case.name);
        }
    }
}

/// Where the head is new, a last layer of another name is told from what does not belong there.
#[test]
fn a_head_of_another_name_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.safetensors");
    let (mut params, network) = made(&lenet5(10), [28, 28, 1]);
    let mut read = |inputs: usize, parts| {
        let mut tensors = theirs(&params);
        for (name, shape) in &mut tensors {
            if name.starts_with("fc3") {
                *name = name.replace("fc3", "9");
                shape.iter_mut().skip(1).for_each(|taken| *taken = inputs);
            }
        }
        write(&path, &tensors);
        let read = network.read_pytorch(&mut params, &path, parts);
        read.map_err(|error| error.to_string())
    };
    for (inputs, parts) in [(84, Parts::All), (85, Parts::Features)] {
        let said = read(inputs, parts).unwrap_err();
        assert!(
            said.contains("no layer takes `9.bias`, `9.weight`"),
            "{said}"
        );
    }
    let passed = read(84, Parts::Features).unwrap();
    assert_eq!(passed, ["9.bias", "9.weight"]);
    let value = |name: &str| params.get(params.id(name).unwrap())[0];
    assert_eq!(value("net.conv1.bias"), values("conv1.bias", &[6])[0]);
}

#[test]
fn channels_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.safetensors");
    let kind = ModelConfig::Lenet5(NoConfig {});
    let labels: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    for channels in [1, 3] {
        let (params, _) = made(&lenet5(10), [28, 28, channels]);
        write(&path, &theirs(&params));
        let model = import(&path, &kind, labels.clone()).unwrap();
        assert_eq!(model.outline().input().dims(), [28, 28, channels]);
        assert_eq!(model.normalise().mean.len(), channels);
    }
}

#[test]
fn a_file_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.safetensors");
    let (mut params, network) = made(&lenet5(10), [28, 28, 1]);
    let before = params.values().to_vec();
    let right = theirs(&params);
    let mut read = |change: fn(&mut Vec<(String, Vec<usize>)>), parts| {
        let mut tensors = right.clone();
        change(&mut tensors);
        write(&path, &tensors);
        network
            .read_pytorch(&mut params, &path, parts)
            .map_err(|error: Error| {
                assert_eq!(params.values(), before);
                error.to_string()
            })
    };
    let wrong = "these are not the weights of this network: ";
    let said = read(
        |tensors| {
            tensors.remove(0);
            tensors[0].1 = vec![7];
            tensors.push(("fc4.weight".into(), vec![2, 2]));
        },
        Parts::All,
    );
    let expected = format!(
        "{wrong}it lacks `conv1.weight` [6, 1, 5, 5]; it has `conv1.bias` [7], not [6]; no layer takes `fc4.weight`"
    );
    assert!(said.as_ref().unwrap_err().contains(&expected), "{said:?}");
    let said = read(|tensors| tensors.truncate(2), Parts::All).unwrap_err();
    let expected =
        "lacks `conv2.bias` [16], `conv2.weight` [16, 6, 5, 5], `fc1.bias` [120] and 5 more\n";
    assert!(said.contains(expected), "{said}");
    // A head for other classes is in nobody's way where it is left out.
    let other_head: fn(&mut Vec<(String, Vec<usize>)>) = |tensors| {
        let count = tensors.len();
        tensors[count - 2].1 = vec![1000, 84];
        tensors[count - 1].1 = vec![1000];
    };
    let said = read(other_head, Parts::All).unwrap_err();
    assert!(
        said.contains("it has `fc3.bias` [1000], not [10], `fc3.weight` [1000, 84], not [10, 84]"),
        "{said}"
    );
    assert!(said.contains("leave out the head"), "{said}");
    // Underscores at the start of names are passed over, and of the head nothing is changed.
    let renamed: fn(&mut Vec<(String, Vec<usize>)>) = |tensors| {
        let count = tensors.len();
        tensors[count - 2].1 = vec![1000, 84];
        tensors[count - 1].1 = vec![1000];
        tensors
            .iter_mut()
            .for_each(|(name, _)| *name = format!("_{name}"));
    };
    read(renamed, Parts::Features).unwrap();
    let value = |name: &str| params.get(params.id(name).unwrap())[0];
    assert_eq!(value("net.conv1.bias"), values("_conv1.bias", &[6])[0]);
    let head = params
        .entry(params.id("net.fc3.weight").unwrap())
        .range
        .clone();
    assert_eq!(params.values()[head.clone()], before[head]);

    let bytes = std::fs::read(&path).unwrap();
    for end in [0, 5, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let error = network
            .read_pytorch(&mut params, &path, Parts::Features)
            .unwrap_err();
        assert!(
            error.to_string().contains("not a whole safetensors file"),
            "{error}"
        );
    }
    // 1, -2 and the smallest one above 0 in halves, 1 and -2 in bfloat16; whole numbers are refused.
    let tensor = |dtype, count, bytes| TensorView::new(dtype, vec![count], bytes).unwrap();
    let tensors = [
        (
            "half",
            tensor(Dtype::F16, 3, &[0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00]),
        ),
        ("bf16", tensor(Dtype::BF16, 2, &[0x80, 0x3f, 0x00, 0xc0])),
        ("whole", tensor(Dtype::I32, 1, &[0; 4])),
    ];
    let file = safetensors::serialize(tensors, None::<HashMap<String, String>>);
    std::fs::write(&path, file.unwrap()).unwrap();
    let mut file = unfold::tensors::Foreign::open(&path).unwrap();
    assert_eq!(file.read("half").unwrap(), [1.0, -2.0, 2f32.powi(-24)]);
    assert_eq!(file.read("bf16").unwrap(), [1.0, -2.0]);
    let error = file.read("whole").unwrap_err().to_string();
    assert!(
        error.contains("tensor `whole` is I32, expected F32, F16 or BF16\n  store it in 32 bits"),
        "{error}"
    );
    assert!(file.read("conv2.bias").is_err());
}
