//! The write loop alone, as its callers, its readers and other processes see it: on a store in memory that has a lease and fails when it
//! is told to.

mod batches;
mod disk;
mod failing;
mod following;
mod holds;
mod keys;
mod leading;
mod looking_ahead;
mod retiring;
mod stage;
mod thread;
