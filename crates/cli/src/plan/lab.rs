//! Experiments.

use std::path::{Path, PathBuf};

use anyhow::Result;
use unfold::lab::filter::Filter;
use unfold::lab::forming::FormingConfig;
use unfold::lab::{Budget, LabConfig};

use super::{check_data, use_kernels};
use crate::failure::unusable;
use crate::flags::{self, Clipping};

/// A comparison of what recurrent cells remember.
#[derive(Debug)]
pub(crate) struct LabMemory {
    pub(crate) config: LabConfig,
    /// The page's file.
    pub(crate) out: PathBuf,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

/// Filters passed over a picture.
#[derive(Debug)]
pub(crate) struct LabConvolution {
    pub(crate) picture: PathBuf,
    pub(crate) filters: Filters,
    /// How often to pool, after what a network does.
    pub(crate) pool: usize,
    /// The page's file.
    pub(crate) out: PathBuf,
}

/// The filters that pass over a picture.
#[derive(Debug)]
pub(crate) enum Filters {
    /// Those with names.
    Named(Vec<Filter>),
    /// Those of an image classifier, by their numbers from 1; the first ones when there is none.
    Learned(PathBuf, Vec<usize>),
}

/// A picture moved under filters.
#[derive(Debug)]
pub(crate) struct LabPooling {
    pub(crate) picture: PathBuf,
    /// By how many pixels at most.
    pub(crate) shift: usize,
    /// The page's file.
    pub(crate) out: PathBuf,
}

/// Filters as they form.
#[derive(Debug)]
pub(crate) struct LabFilters {
    pub(crate) data: String,
    pub(crate) config: FormingConfig,
    /// The page's file.
    pub(crate) out: PathBuf,
    pub(crate) quiet: bool,
}

impl LabMemory {
    pub(super) fn new(flags: flags::LabMemory) -> Result<LabMemory> {
        use_kernels(&flags.work.kernels);
        let start = if flags.quick {
            LabConfig::quick()
        } else {
            LabConfig::default()
        };
        let steps = flags.steps.map(Budget::Steps);
        let clipped = Some(flags.clip_norm.unwrap_or(1.0));
        if let (Some(Clipping::Off), Some(norm)) = (flags.clipping, flags.clip_norm) {
            let problem =
                format!("--clip-norm {norm}: --clipping off leaves gradients as they are");
            return Err(unusable(problem, "leave one of the two out"));
        }
        let config = LabConfig {
            tasks: given(flags.tasks).unwrap_or(start.tasks),
            cells: given(flags.cells).unwrap_or(start.cells),
            distances: given(flags.distances).map_or(start.distances, sorted),
            pixels: given(flags.pixels).map_or(start.pixels, sorted),
            mnist: flags.mnist,
            clip_norms: match flags.clipping {
                Some(Clipping::Both) => vec![clipped, None],
                Some(Clipping::On) => vec![clipped],
                Some(Clipping::Off) => vec![None],
                None if flags.quick => vec![clipped],
                None => vec![clipped, None],
            },
            budget: flags
                .seconds
                .map(Budget::Seconds)
                .or(steps)
                .unwrap_or(start.budget),
            hidden_size: flags.hidden_size.unwrap_or(start.hidden_size),
            batch_size: flags.batch_size.unwrap_or(start.batch_size),
            learning_rate: flags.learning_rate.unwrap_or(start.learning_rate),
            test_size: flags.test_size.unwrap_or(start.test_size),
            seed: flags.work.seed.unwrap_or(start.seed),
        };
        config.check()?;
        Ok(LabMemory {
            config,
            out: page("lab-memory", flags.out),
            json: flags.work.json,
            quiet: flags.work.quiet,
        })
    }
}

/// How often a page pools where nothing is said.
const POOLED: usize = 3;

impl LabConvolution {
    pub(super) fn new(flags: flags::LabConvolution) -> Result<LabConvolution> {
        let (filters, pooled) = match flags.model {
            None => {
                let named = flags.filters.iter().map(|name| filter(name));
                let named = given(named.collect::<Result<_>>()?);
                (
                    Filters::Named(named.unwrap_or(Filter::ALL.to_vec())),
                    POOLED,
                )
            }
            Some(model) => {
                let numbers = flags.filters.iter().map(|number| learned(number));
                (Filters::Learned(model, numbers.collect::<Result<_>>()?), 0)
            }
        };
        Ok(LabConvolution {
            picture: flags.picture,
            filters,
            pool: flags.pool.unwrap_or(pooled),
            out: page("lab-convolution", flags.out),
        })
    }
}

/// The filter of that name.
fn filter(name: &str) -> Result<Filter> {
    let found = Filter::ALL.into_iter().find(|filter| filter.name() == name);
    found.ok_or_else(|| {
        let names = Filter::ALL.map(Filter::name).join(", ");
        unusable(
            format!("--filters {name}: there is no filter of that name"),
            format!("choose from {names}; numbers are for the filters of a --model"),
        )
    })
}

/// The number of a filter, from 1.
fn learned(number: &str) -> Result<usize> {
    number
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| {
            unusable(
                format!("--filters {number}: is no number of a filter"),
                "with --model, filters are called by their numbers from 1, such as --filters 1,3",
            )
        })
}

impl LabFilters {
    pub(super) fn new(flags: flags::LabFilters) -> Result<LabFilters> {
        use_kernels(&flags.kernels);
        check_data(&flags.data)?;
        Ok(LabFilters {
            data: flags.data,
            config: FormingConfig {
                filters: flags.filters.into(),
                kernel: flags.kernel.into(),
                steps: flags.steps,
                seed: flags.seed,
            },
            out: page("lab-filters", flags.out),
            quiet: flags.quiet,
        })
    }
}

impl LabPooling {
    pub(super) fn new(flags: flags::LabPooling) -> LabPooling {
        LabPooling {
            picture: flags.picture,
            shift: flags.shift.into(),
            out: page("lab-pooling", flags.out),
        }
    }
}

/// What was given, if anything was.
fn given<T>(values: Vec<T>) -> Option<Vec<T>> {
    Some(values).filter(|values| !values.is_empty())
}

fn sorted(mut values: Vec<usize>) -> Vec<usize> {
    values.sort_unstable();
    values.dedup();
    values
}

/// The file of a laboratory's page: the one asked for, or one that is not there yet.
fn page(name: &str, asked: Option<PathBuf>) -> PathBuf {
    match asked {
        Some(path) if path.is_dir() || path.extension().is_none() => {
            path.join(format!("{name}.html"))
        }
        Some(path) => path,
        None => {
            let numbered = (2..).map(|n| format!("{name}-{n}.html"));
            let mut names = std::iter::once(format!("{name}.html")).chain(numbered);
            let free = names.find(|name| !Path::new(name).exists());
            free.expect("there is always another number").into()
        }
    }
}
