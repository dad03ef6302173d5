//! A steady training step takes its buffers from the pool: what it still asks of the system is small.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use unfold::nn::{
    BatchNorm, Conv1d, Conv2d, Embedding, Linear, LockedDropout, Optimizer, OptimizerConfig,
    Params, Pass, Recurrent, RecurrentConfig, clip_norm,
};
use unfold::tasks::language::{LanguageModel, LanguageRecipe, train};
use unfold::tasks::{Recipe as _, RunOptions};
use unfold::train::Quiet;
use unfold::{Key, Ragged, Tensor, ops, set_threads};
use unfold_kernels::pool_stats;

/// The system's allocator, counting.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    LARGEST.fetch_max(bytes, Ordering::Relaxed);
}

// SAFETY: every call is handed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations of the steps that follow some to warm up: how many a step, and the largest. No buffer of a tensor is among
/// them, whether it would come from the allocator or, being large, from the system itself.
fn steady(mut params: Params<f32>, loss: impl Fn(&Pass<f32>) -> Tensor) -> (usize, usize) {
    const STEPS: usize = 5;
    let mut optimizer = Optimizer::new(OptimizerConfig::default(), &params);
    let mut step = |number: usize| {
        let pass = Pass::training(&params, Key::new(number as u64));
        let loss = loss(&pass);
        params.backward(&pass, loss);
        drop(pass);
        clip_norm(&mut params, 0.1);
        optimizer.step(&mut params, 0.01);
    };
    (0..3).for_each(&mut step);
    let missed = pool_stats().misses;
    COUNT.store(0, Ordering::Relaxed);
    LARGEST.store(0, Ordering::Relaxed);
    (3..3 + STEPS).for_each(&mut step);
    assert_eq!(pool_stats().misses, missed, "buffers that the pool had not");
    let largest = LARGEST.load(Ordering::Relaxed);
    (COUNT.load(Ordering::Relaxed) / STEPS, largest)
}

const V: usize = 3000;
const CLASSES: usize = 7;

fn numbers(count: usize, below: usize) -> Vec<u32> {
    let number = |i| Key::new(1).below(i as u64, below) as u32;
    (0..count).map(number).collect()
}

fn bag() -> (usize, usize) {
    let mut params = Params::new(1);
    let table = Embedding::new(&mut params.scope("words"), V, 32);
    let head = Linear::new(&mut params.scope("head"), 32, CLASSES);
    let (ids, targets) = (numbers(4000, V), numbers(40, CLASSES));
    let weights = vec![0.01; ids.len()];
    let offsets: Vec<usize> = (0..=40).map(|b| b * 100).collect();
    steady(params, move |pass| {
        let bags = table.bag(pass, &ids, &weights, &offsets);
        let logits = head.forward(pass, &bags.relu());
        logits.cross_entropy(&targets, &Default::default())
    })
}

fn textcnn() -> (usize, usize) {
    let mut params = Params::new(1);
    let words = Embedding::new(&mut params.scope("words"), V, 32);
    let geometry = ops::Conv1d {
        kernel: 3,
        stride: 1,
        padding: 0,
        dilation: 1,
    };
    let convolution = Conv1d::new(&mut params.scope("convolution"), 32, 24, geometry);
    let head = Linear::new(&mut params.scope("head"), 24, CLASSES);
    let (ids, targets) = (numbers(16 * 80, V), numbers(16, CLASSES));
    let sequences = Ragged::new(&[80; 16]);
    steady(params, move |pass| {
        let x = words.forward(pass, &ids);
        let (y, lengths) = convolution.forward(pass, &x, &sequences);
        let logits = head.forward(pass, &y.seq_max(&lengths).relu());
        logits.cross_entropy(&targets, &Default::default())
    })
}

fn language_model() -> (usize, usize) {
    let mut params = Params::new(1);
    let words = Embedding::new(&mut params.scope("words"), V, 32).with_dropout(0.1);
    let cells = RecurrentConfig {
        layers: 2,
        dropout: 0.3,
        locked: true,
        weight_dropout: 0.3,
        ..RecurrentConfig::new(ops::Cell::Lstm, 32)
    };
    let lstm = Recurrent::new(&mut params.scope("lstm"), 32, cells);
    let head = Linear::new(&mut params.scope("head"), 32, V);
    let (ids, targets) = (numbers(8 * 20, V), numbers(8 * 20, V));
    let sequences = Ragged::new(&[20; 8]);
    steady(params, move |pass| {
        let x = words.forward(pass, &ids);
        let x = LockedDropout::new(0.3).forward(pass, &x, &sequences);
        let y = lstm.forward(pass, &x, &sequences, None).y;
        let logits = head.forward(pass, &y);
        logits.cross_entropy(&targets, &Default::default())
    })
}

fn pictures() -> (usize, usize) {
    let mut params = Params::new(1);
    let geometry = ops::Conv2d::new([3, 3]).same([16, 16]);
    let first = Conv2d::new(&mut params.scope("first"), 3, 16, geometry);
    let second = Conv2d::new(&mut params.scope("second"), 16, 24, geometry);
    let head = Linear::new(&mut params.scope("head"), 24, CLASSES);
    let x = Tensor::full([8, 16, 16, 3], 0.5);
    let targets = numbers(8, CLASSES);
    steady(params, move |pass| {
        let h = first.forward(pass, &x).relu();
        let h = second.forward(pass, &h).relu();
        let pixels = h.dim(1) * h.dim(2);
        let h = h.reshape([8, pixels, 24]).mean_axis(1);
        let logits = head.forward(pass, &h);
        logits.cross_entropy(&targets, &Default::default())
    })
}

/// Buffers of some megabytes, convolutions in Winograd's form, batch normalisation, and a GRU that reads the rows.
fn rows_of_pictures() -> (usize, usize) {
    let mut params = Params::new(1);
    let geometry = ops::Conv2d::new([3, 3]).same([24, 24]);
    let conv = |params: &mut Params<f32>, name: &str, c| {
        let scope = &mut params.scope(name);
        Conv2d::without_bias(scope, c, 64, geometry)
    };
    let convs = [
        conv(&mut params, "first", 3),
        conv(&mut params, "second", 64),
    ];
    let norm = BatchNorm::new(&mut params.scope("norm"), 64);
    let cells = RecurrentConfig::new(ops::Cell::Gru, 48);
    let gru = Recurrent::new(&mut params.scope("gru"), 24 * 64, cells);
    let head = Linear::new(&mut params.scope("head"), 48, CLASSES);
    let x = Tensor::full([16, 24, 24, 3], 0.5);
    let (sequences, targets) = (Ragged::new(&[24; 16]), numbers(16 * 24, CLASSES));
    steady(params, move |pass| {
        let y = convs
            .iter()
            .fold(x.clone(), |x, conv| conv.forward(pass, &x)); // [16, 24, 24, 64]
        let rows = norm.forward(pass, &y).relu().reshape([16 * 24, 24 * 64]);
        let y = gru.forward(pass, &rows, &sequences, None).y;
        let logits = head.forward(pass, &y);
        logits.cross_entropy(&targets, &Default::default())
    })
}

/// The bounds: what a step asks of the system at most, in calls and in bytes at once: nodes and lists of shapes, nothing
/// that grows with the data.
#[test]
fn a_steady_step_allocates_little() {
    // How many buffers several threads hold at once is a matter of timing.
    set_threads(1);
    type Kind = (&'static str, fn() -> (usize, usize), usize, usize);
    let kinds: [Kind; 5] = [
        ("bag", bag, 80, 2 << 10),
        ("textcnn", textcnn, 120, 2 << 10),
        ("language model", language_model, 200, 2 << 10),
        ("pictures", pictures, 150, 2 << 10),
        ("rows of pictures", rows_of_pictures, 200, 2 << 10),
    ];
    let told = kinds.map(|(name, run, most, largest)| {
        let (count, bytes) = run();
        let fits = count <= most && bytes <= largest;
        let told = format!("{name}: {count} allocations a step, the largest of {bytes} bytes");
        (told, fits)
    });
    assert!(told.iter().all(|(_, fits)| *fits), "{told:#?}");
    println!("{told:#?}");
    // Counts are the whole process's, so this is no test of its own.
    streaming();
    predicting();
}

/// As [`streaming`], with the scores of all words.
fn predicting() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    let line = |i: usize| format!("a{} b{} c{}\n", i % 7, i % 11, i % 13);
    std::fs::write(&text, (0..400).map(line).collect::<String>()).unwrap();
    for (tied, cell) in [("true", "lstm"), ("false", "gru")] {
        let mut recipe = LanguageRecipe::default();
        for setting in [
            "tokens.min_count=1",
            "train.epochs=1",
            "model.embedding_size=24",
            "model.hidden_size=24",
            &format!("model.tied={tied}"),
            &format!("model.cell={cell}"),
        ] {
            recipe.set(setting).unwrap();
        }
        let run = RunOptions {
            out: folder.path().join(cell),
            resume: false,
        };
        train(text.to_str().unwrap(), &recipe, &run, &mut Quiet).unwrap();
        for int8 in [false, true] {
            let model = LanguageModel::load(&run.out).unwrap();
            let model = if int8 { model.into_int8() } else { model };
            let stepper = model.stepper();
            for batch in [1, 3, 40] {
                let (mut state, words) = (stepper.start(batch), vec![3; batch]);
                for _ in 0..3 {
                    stepper.step(&words, &mut state);
                }
                COUNT.store(0, Ordering::Relaxed);
                for _ in 0..20 {
                    stepper.step(&words, &mut state);
                }
                let count = COUNT.load(Ordering::Relaxed);
                assert_eq!(count, 0, "{cell}, {batch} streams, int8 {int8}");
            }
        }
    }
}

/// One word after the other, as a language model writes: nothing at all is asked of the system.
fn streaming() {
    for (cell, layer_norm, batch) in [
        (ops::Cell::Lstm, false, 1),
        (ops::Cell::Lstm, true, 2),
        (ops::Cell::Gru, false, 3),
        (ops::Cell::ElmanTanh, false, 64),
    ] {
        let mut params = Params::<f32>::new(1);
        let config = RecurrentConfig {
            layers: 2,
            layer_norm,
            ..RecurrentConfig::new(cell, 130)
        };
        let layers = Recurrent::new(&mut params.scope("layers"), 130, config);
        let int8 = layers.int8(&params);
        let x = vec![0.1; batch * 130];
        let mut state = layers.stream(batch);
        let mut step = |exact: bool| {
            match exact {
                true => layers.step(&params, &x, &mut state),
                false => layers.step_int8(&params, &int8, &x, &mut state),
            };
        };
        for exact in [true, false] {
            (0..3).for_each(|_| step(exact));
            COUNT.store(0, Ordering::Relaxed);
            (0..20).for_each(|_| step(exact));
            let count = COUNT.load(Ordering::Relaxed);
            assert_eq!(count, 0, "{cell:?}, {batch} streams, exact {exact}");
        }
    }
}
