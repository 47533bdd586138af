//! Carts as clients write and read them.

mod reply;
mod request;

pub use reply::{Cart, CartExplanation, CartState, Line, Reason, Subject, Totals, shows_until};
pub use request::{
    ChangeLine, CreateCart, Lines, MergeCarts, MergeStrategy, NewLine, RemoveLines, UpdateCart,
    checked_lines,
};
pub(in crate::wire) use request::{map, patch};

#[cfg(test)]
mod tests;
