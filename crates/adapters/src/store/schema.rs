//! Steps of a schema, whichever database has it.

/// Which way, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the newest schema that this program knows.
    Up,
    /// Back until this many steps are left. What the steps made is lost.
    Down {
        /// Steps that stay; 0: an empty database.
        to: i64,
    },
}

/// Where a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Steps taken.
    pub current: i64,
    /// Steps this program knows.
    pub latest: i64,
    /// Every known step with whether it was taken.
    pub steps: Vec<(&'static str, bool)>,
}
