//! Stock.
