//! What can be typed: commands, flags and their help.
//!
//! This is the first of three steps. Flags are only syntax; [`crate::plan`] checks them against the disk and
//! each other, and [`crate::commands`] acts on the result.

mod bench;
mod import;
mod lab;
mod run;
mod show;
mod train;

use clap::{Args, Parser, Subcommand};

pub(crate) use bench::Bench;
pub(crate) use import::Import;
pub(crate) use lab::{
    Clipping, Lab, LabConvolution, LabFilters, LabMemory, LabPooling, Laboratory,
};
pub(crate) use run::{Choosing, Eval, Finding, GoingOn, Run};
pub(crate) use show::{Method, Picture, Show, name};
pub(crate) use train::{
    Seeing, Train, TrainAlign, TrainCaption, TrainImage, TrainLanguage, TrainTask, TrainText,
    TrainVqa, Training,
};

/// Train and use convolutional and recurrent networks on a CPU.
#[derive(Debug, Parser)]
#[command(
    name = "unfold",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(after_help = PROGRAM_EXAMPLES)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const PROGRAM_EXAMPLES: &str = "\
EXAMPLES
  unfold train text builtin:spam                   train a spam filter on bundled mail
  unfold run runs/text-spam 'Call now to win!'     use it
  unfold eval runs/text-spam new-mail.csv          measure it on other data
  unfold show runs/text-spam                       draw its curves and confusion matrix
  unfold train language builtin:moby-dick          train a language model on a bundled novel
  unfold run runs/language-moby-dick --prompt 'The whale'
  unfold train image builtin:digits                train a convolutional network on bundled digits
  unfold run runs/image-digits 'builtin:digits#test-4'
  unfold train caption builtin:scenes              train a network that describes pictures
  unfold train vqa builtin:scenes                  train one that answers questions about them
  unfold train align flickr8k/                     train one that finds pictures by sentences
  unfold lab memory --quick                        see which recurrent cells remember for how long

EXIT STATUS
  0 done    1 failed    2 a flag, path, recipe or file must be mended first    130 interrupted, what was learned is saved";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model on your data
    Train(Train),
    /// Measure a trained model on labelled data
    Eval(Eval),
    /// Use a trained model on new input
    Run(Run),
    /// Make a model of the weights that PyTorch stored for one of the field's networks
    Import(Import),
    /// Draw what a run learned, as SVG and PNG
    Show(Show),
    /// Experiments that show what networks can and cannot do
    Lab(Lab),
    /// Measure how near this machine's limit training and answering come
    Bench(Bench),
    /// Print a completion script for your shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
}

const COMPLETIONS_EXAMPLES: &str = "\
EXAMPLES
  unfold completions bash > ~/.local/share/bash-completion/completions/unfold
  unfold completions zsh  > ~/.zfunc/_unfold
  unfold completions fish > ~/.config/fish/completions/unfold.fish";

/// What everything that learns can be told.
#[derive(Debug, Args)]
pub(crate) struct Work {
    /// Seed of everything random; the same seed and steps give the same result, bit for bit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) kernels: Kernels,
    /// Print the result as one line of JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// How layers are computed.
#[derive(Debug, Args)]
pub(crate) struct Kernels {
    /// Use this many threads; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) threads: Option<u16>,
    /// Convolutions as their definition says, tap by tap: no Winograd's form, which is faster
    #[arg(long)]
    pub(crate) exact: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn settings_repeat() {
        let flags = Flags::parse_from([
            "unfold", "train", "text", "x", "--set", "a=1", "--set", "b.c=2",
        ]);
        let Command::Train(Train {
            task: TrainTask::Text(train),
        }) = flags.command
        else {
            panic!("not train text")
        };
        assert_eq!(train.training.set, ["a=1", "b.c=2"]);
    }

    #[test]
    fn no_threads_is_refused() {
        assert!(Flags::try_parse_from(["unfold", "run", "x", "--threads", "0"]).is_err());
    }
}
