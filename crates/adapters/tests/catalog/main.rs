//! The catalogue through the write loop, and what follows its log.

mod consumers;
mod floor;
mod imports;
mod letters;
mod products;
