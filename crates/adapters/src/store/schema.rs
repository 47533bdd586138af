//! Steps of a schema, whichever database has it.
//!
//! Processes of this version and of the one before run beside each other on one database, and steps are taken while they do. So a step
//! *expands* (a new table, a column with a default, an index) with the version that uses what it makes, and *contracts* (drops, renames,
//! narrows) a version after the last one that used what goes. [`Step::broken_rule`] looks at that.

/// One step, with its way back.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What it is about, in a few words.
    pub name: &'static str,
    /// SQL that takes it.
    pub up: &'static str,
    /// SQL that takes it back.
    pub down: &'static str,
    /// How it is taken while a shop runs.
    pub kind: Kind,
}

/// How a step gets on with those who use the schema meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Adds something in one transaction, in no time however much there is.
    Expands,
    /// Adds something that takes its time, and keeps nobody out meanwhile: an index made `CONCURRENTLY`, a constraint that is validated, rows
    /// that are filled in some at a time. In PostgreSQL each statement stands alone, divided from the next by a line [`THEN`], and may be repeated:
    /// a step that was cut off is taken again from its beginning.
    Beside,
    /// Takes something away or narrows it. Programs that know fewer than so many steps cannot use what is left.
    Contracts {
        /// Steps that a program knows at least that needs nothing of what goes.
        oldest: i64,
    },
}

/// The line between two statements of a step that is taken [`Kind::Beside`] the shop.
pub const THEN: &str = "\n-- then\n";

/// What makes an index without keeping writers out.
pub(super) const CONCURRENTLY: &str = " CONCURRENTLY";

impl Step {
    /// Which of the rules it breaks, if any. Rules are about what stood before: what a step makes itself nobody uses yet.
    pub fn broken_rule(&self) -> Option<&'static str> {
        let up = self.up.to_ascii_uppercase();
        let statements = || up.split(';').map(str::trim);
        let made = |name: &str| up.contains(&format!("CREATE TABLE {name} "));
        let table_of = |statement: &str, before: &str| {
            let rest = statement.split_once(before).map(|it| it.1.to_owned());
            rest.and_then(|it| it.split_whitespace().next().map(str::to_owned))
                .unwrap_or_default()
        };
        let narrows = [
            "DROP TABLE",
            "DROP COLUMN",
            "RENAME",
            "SET NOT NULL",
            " TYPE ",
        ];
        for it in statements().map(without_comments) {
            let it = it.as_str();
            let on_own = made(&table_of(it, "ALTER TABLE ")) || made(&table_of(it, " ON "));
            let contracts = matches!(self.kind, Kind::Contracts { .. });
            if !contracts && it.starts_with("DROP TABLE") {
                return Some("a table is dropped by a step that contracts");
            }
            if !contracts
                && it.starts_with("ALTER TABLE")
                && !on_own
                && narrows.iter().any(|narrow| it.contains(narrow))
            {
                return Some("a column goes, or changes, by a step that contracts");
            }
            if self.kind == Kind::Beside
                && it.starts_with("ALTER TABLE")
                && !it.contains("VALIDATE")
            {
                return Some("beside the shop nothing waits for a table of its own");
            }
            let is_added = it.contains("ADD COLUMN") && it.contains("NOT NULL");
            if is_added && !it.contains("DEFAULT") {
                return Some("a new column has a default, or may be empty");
            }
            let is_index = it.starts_with("CREATE INDEX") || it.starts_with("CREATE UNIQUE INDEX");
            if is_index && !on_own && !(it.contains("CONCURRENTLY") && self.kind == Kind::Beside) {
                return Some("an index on what is there is made concurrently");
            }
            let checks = it.contains("ADD CONSTRAINT") && !on_own && !it.contains("NOT VALID");
            if checks {
                return Some("a constraint on what is there is added NOT VALID, then validated");
            }
        }
        None
    }

    /// The lowest number of steps that a program may know to use a schema that has this one.
    pub(super) fn oldest(&self) -> i64 {
        match self.kind {
            Kind::Expands | Kind::Beside => 0,
            Kind::Contracts { oldest } => oldest,
        }
    }
}

fn without_comments(statement: &str) -> String {
    let lines = statement.lines().filter(|it| !it.trim().starts_with("--"));
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

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

impl SchemaStatus {
    pub(super) fn of(steps: &[Step], current: i64) -> Self {
        let taken = |(step, number): (&Step, i64)| (step.name, number <= current);
        Self {
            current,
            latest: steps.len() as i64,
            steps: steps.iter().zip(1..).map(taken).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Step};

    #[test]
    fn a_step_that_would_hurt_a_shop_that_runs_is_found() {
        let rows = [
            ("CREATE TABLE a (id int); CREATE INDEX b ON a (id)", false),
            ("ALTER TABLE carts ADD COLUMN note text", false),
            (
                "ALTER TABLE carts ADD COLUMN gift boolean NOT NULL DEFAULT false",
                false,
            ),
            ("ALTER TABLE carts ADD COLUMN gift boolean NOT NULL", true),
            ("CREATE INDEX b ON carts (note)", true),
            ("ALTER TABLE carts DROP COLUMN body", true),
            ("-- it goes\nALTER TABLE carts RENAME TO baskets", true),
            ("ALTER TABLE carts ALTER COLUMN body TYPE jsonb", true),
            (
                "ALTER TABLE carts ADD CONSTRAINT c CHECK (version > 0)",
                true,
            ),
            (
                "ALTER TABLE carts ADD CONSTRAINT c CHECK (version > 0) NOT VALID",
                false,
            ),
            ("DROP TABLE carts", true),
        ];
        for (up, is_broken) in rows {
            let step = Step {
                name: "a step",
                up,
                down: "",
                kind: Kind::Expands,
            };
            assert_eq!(step.broken_rule().is_some(), is_broken, "{up}");
        }
        let beside = Step {
            name: "an index",
            up: "CREATE INDEX CONCURRENTLY b ON carts (note)",
            down: "DROP INDEX b",
            kind: Kind::Beside,
        };
        assert_eq!(beside.broken_rule(), None);
        let waiting = Step {
            up: "ALTER TABLE carts ADD COLUMN note text",
            ..beside
        };
        assert!(waiting.broken_rule().is_some());
        let contracts = Step {
            up: "ALTER TABLE carts DROP COLUMN note",
            kind: Kind::Contracts { oldest: 7 },
            ..beside
        };
        assert_eq!((contracts.broken_rule(), contracts.oldest()), (None, 7));
    }
}
