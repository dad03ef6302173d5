//! Unfold trains and runs convolutional and recurrent networks on a CPU.
