//! The sample
