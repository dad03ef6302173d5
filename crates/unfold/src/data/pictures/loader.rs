//! Batches made in the background.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::batch::{Batcher, PictureBatch};
use crate::error::{Error, ErrorKind, Result};
use crate::random::Key;

/// Hands over batches in order, a few of which are made ahead of time.
///
/// The batches are what [`Batcher::batch`] gives for the lists of pictures, one after the other, with one key for all:
/// a loader of the rest of an epoch's lists gives what the loader of the whole epoch would have given. A batch in which
/// no picture can be read is passed over. After an error nothing more comes.
#[derive(Debug)]
pub struct Loader {
    batches: Option<Receiver<Result<PictureBatch>>>,
    worker: Option<JoinHandle<()>>,
    waited: Duration,
}

impl Loader {
    /// Starts to make batches of these pictures, up to `ahead` of them before they are asked for.
    pub fn new(
        batcher: Arc<Batcher>,
        order: Vec<Vec<usize>>,
        key: Option<Key>,
        ahead: usize,
    ) -> Loader {
        let (sender, batches) = mpsc::sync_channel(ahead);
        let work = move || {
            for pictures in order {
                let batch = catch_unwind(AssertUnwindSafe(|| batcher.batch(&pictures, key)));
                let batch = batch.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
                if batch.as_ref().is_ok_and(|batch| batch.labels.is_empty()) {
                    continue;
                }
                let last = batch.is_err();
                // Nobody wants more once the loader is dropped.
                if sender.send(batch).is_err() || last {
                    break;
                }
            }
        };
        let worker = thread::Builder::new().name("unfold-pictures".to_owned());
        Loader {
            worker: Some(
                worker
                    .spawn(work)
                    .expect("the system has room for a thread"),
            ),
            batches: Some(batches),
            waited: Duration::ZERO,
        }
    }

    /// How long batches were waited for so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Loader {
    type Item = Result<PictureBatch>;

    fn next(&mut self) -> Option<Result<PictureBatch>> {
        let began = Instant::now();
        let batch = self.batches.as_ref()?.recv().ok();
        self.waited += began.elapsed();
        batch
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.batches = None;
        // It ends after the batch that it is making. Its panics were handed over as errors.
        let _ = self.worker.take().map(JoinHandle::join);
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let problem = format!(
        "making a batch of pictures failed ({})",
        text.unwrap_or("no reason")
    );
    let remedy = "this is a mistake in the program; please report it with this message";
    Error::new(ErrorKind::Training, "", problem, remedy)
}
