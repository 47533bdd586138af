//! The parts of the binary `cartwright` that stand on their own: catalogue files and the sample catalogue.

pub mod catalogue_files;
pub mod sample;
