//! `unfold import`.

use std::path::PathBuf;

use clap::Args;

const IMPORT_EXAMPLES: &str = "\
NETWORKS
  resnet18, resnet34, resnet50, mobilenet-v2     with torchvision's names
  efficientnet-lite0

EXAMPLES
  unfold import resnet18.safetensors --network resnet18 --labels imagenet.txt --out resnet18-unfold.safetensors
  unfold run resnet18-unfold.safetensors photo.jpg
  unfold show resnet18-unfold.safetensors gradcam --picture photo.jpg
  unfold train image flowers/ --from resnet18-unfold.safetensors --freeze backbone

WEIGHTS is a safetensors file, as safetensors.torch.save_file(model.state_dict(), FILE) writes it.";

/// `unfold import`.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Import {
    /// The weights, a safetensors file
    pub(crate) weights: PathBuf,
    /// Which network they are of
    #[arg(long, value_name = "NAME")]
    pub(crate) network: String,
    /// A text file with the name of each class on its line; numbers when it is left out
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// How many classes there are, where there is no file of names
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        conflicts_with = "labels"
    )]
    pub(crate) classes: usize,
    /// File for the model
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}
