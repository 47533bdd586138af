//! What the topics' values are, as a schema registry knows it: for each noun one self-contained Protobuf file, and the wire format
//! that names a message of it.

use cartwright_proto::EVENT_FILES;
use std::borrow::Cow;

/// How schemas may change: what is written with any older one can be read with the newer. Not `FULL`: that forbids every new field.
pub const COMPATIBILITY: &str = "BACKWARD_TRANSITIVE";

/// The nouns of the log, each the first half of its streams' names, and the file that has their messages.
const NOUNS: &[(&str, &str)] = &[
    ("product", "catalog"),
    ("store", "location"),
    ("level", "inventory"),
    ("reservation", "inventory"),
    ("transfer", "inventory"),
    ("cart", "cart"),
    ("checkout", "checkout"),
    ("contact", "checkout"),
    ("payment", "payment"),
    ("instrument", "payment"),
    ("order", "order"),
    ("wallet", "wallet"),
    ("wallet_entry", "wallet"),
    ("api_key", "api_key"),
    ("webhook_endpoint", "webhook_endpoint"),
    ("dead_letter", "dead_letter"),
];

/// The noun under which the whole log goes, and its file.
pub(super) const LOG: (&str, &str) = ("log", "log");

/// A Protobuf file that needs no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The file.
    pub text: String,
    /// Its messages, in the order of the file.
    pub messages: Vec<String>,
}

impl Schema {
    /// Which one of its messages that is.
    pub(super) fn index_of(&self, message: &str) -> Option<usize> {
        self.messages.iter().position(|it| it == message)
    }
}

/// The schema of each noun and of the log.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    let all = NOUNS.iter().chain([&LOG]);
    all.map(|(noun, file)| (*noun, schema_of_file(EVENT_FILES, file)))
        .collect()
}

/// A file of `files` (name without `.proto`, text) with what it imports put behind it.
///
/// # Panics
/// When a file is missing: the list is part of the build.
pub fn schema_of_file(files: &[(&str, &str)], name: &str) -> Schema {
    let mut order = vec![name.to_owned()];
    let mut next = 0;
    while let Some(name) = order.get(next) {
        let text = text_of(files, name);
        for line in text.lines() {
            let import = line.strip_prefix("import \"events/v1/");
            let import = import.and_then(|it| it.strip_suffix(".proto\";"));
            if let Some(import) = import.filter(|it| order.iter().all(|known| known != it)) {
                order.push(import.to_owned());
            }
        }
        next += 1;
    }
    let mut text = String::from("syntax = \"proto3\";\npackage cartwright.events.v1;\n");
    for name in &order {
        text.push('\n');
        text.push_str(body(text_of(files, name)).trim());
        text.push('\n');
    }
    let message = |line: &str| Some(line.strip_prefix("message ")?.split(' ').next()?.to_owned());
    Schema {
        messages: text.lines().filter_map(message).collect(),
        text,
    }
}

fn text_of<'a>(files: &[(&str, &'a str)], name: &str) -> &'a str {
    let found = files.iter().find(|(known, _)| *known == name);
    found.map_or_else(|| panic!("there is no events/v1/{name}.proto"), |it| it.1)
}

/// A file without what stands once in the whole.
fn body(text: &str) -> String {
    let is_head = |line: &str| {
        ["syntax ", "package ", "import "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    let lines: Vec<_> = text.lines().filter(|line| !is_head(line)).collect();
    lines.join("\n")
}

/// The message that a type of entry has for its payload, as far as anybody can know.
pub(super) fn message_of(kind: &str) -> Option<Cow<'static, str>> {
    let (noun, event) = kind.split_once('.')?;
    Some(match (noun, event) {
        ("level", _) => "Moved".into(),
        ("stock", _) => "StockNotice".into(),
        ("product", "price_set") => "PriceSet".into(),
        ("reservation", "confirmed" | "released" | "expired") => "ReservationEnded".into(),
        ("transfer", "received" | "cancelled") => "TransferEnded".into(),
        _ => (camel(noun) + &camel(event)).into(),
    })
}

fn camel(snake: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|it| it.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    snake.split('_').map(word).collect()
}

/// A message in the wire format of schema registries: a zero, the schema's id, which message of it, the bytes.
pub(super) fn framed(id: i32, index: usize, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 8);
    out.push(0);
    out.extend(id.to_be_bytes());
    // A path of indexes by its length; that to the first message is written as an empty one. Numbers are zigzag varints.
    if index == 0 {
        out.push(0);
    } else {
        varint(1 << 1, &mut out);
        varint((index as u64) << 1, &mut out);
    }
    out.extend(message);
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The bytes of a message in that format.
pub(super) fn unframed(value: &[u8]) -> Option<&[u8]> {
    let mut rest = value.strip_prefix(&[0])?.get(4..)?;
    let mut varint = || {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let (byte, behind) = rest.split_first()?;
            rest = behind;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number >> 1);
            }
            shift = Some(shift + 7).filter(|it| *it < 64)?;
        }
    };
    for _ in 0..varint()? {
        varint()?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use std::collections::BTreeSet;

    #[test]
    fn the_wire_format_goes_there_and_back() {
        assert_eq!(framed(7, 0, b"ab"), [0, 0, 0, 0, 7, 0, b'a', b'b']);
        assert_eq!(framed(258, 1, b"x"), [0, 0, 0, 1, 2, 2, 2, b'x']);
        for index in [0, 1, 5, 63, 64, 200] {
            assert_eq!(unframed(&framed(1, index, b"body")), Some(&b"body"[..]));
        }
        assert_eq!(unframed(b"\x01plain"), None);
        assert_eq!(unframed(&[0, 0, 0, 0, 1]), None);
    }

    #[test]
    fn a_schema_holds_its_own_messages_first_and_then_what_they_need() {
        let order = schema_of_file(EVENT_FILES, "order");
        assert_eq!(order.index_of("OrderPlaced"), Some(0));
        let needed = order.index_of("CheckoutTotals").expect("imported");
        assert!(needed > order.index_of("OrderRefundResolved").expect("its own"));
        assert!(!order.text.contains("import"), "self-contained");
    }

    /// The files are those that the code is made from.
    #[test]
    fn every_message_is_one_of_the_descriptors() {
        let set = prost_types::FileDescriptorSet::decode(cartwright_proto::FILE_DESCRIPTOR_SET);
        let set = set.expect("descriptors");
        let events = set.file.iter();
        let events = events.filter(|it| it.package() == "cartwright.events.v1");
        let known: BTreeSet<_> = events
            .flat_map(|file| file.message_type.iter().map(|it| it.name().to_owned()))
            .collect();
        let found: BTreeSet<_> = EVENT_FILES
            .iter()
            .flat_map(|(name, _)| schema_of_file(EVENT_FILES, name).messages)
            .collect();
        assert_eq!(found, known);
    }

    /// Types are literals of the code that names them: whoever adds one is told here when no schema has its message.
    #[test]
    fn every_type_of_entry_has_a_message_in_its_nouns_schema() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../app/src/events");
        let all = schemas();
        let mut types = BTreeSet::new();
        for file in std::fs::read_dir(dir).expect("the events' sources") {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("a source");
            let literals = text.split('"').skip(1).step_by(2);
            let noun = |text: &&str| {
                text.split_once('.').is_some_and(|(noun, event)| {
                    let is_word =
                        |it: &str| it.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                    NOUNS.iter().any(|(known, _)| *known == noun)
                        && !event.is_empty()
                        && is_word(event)
                })
            };
            types.extend(literals.filter(noun).map(str::to_owned));
        }
        assert!(types.len() > 90, "{types:?}");
        for kind in types {
            let noun = kind.split('.').next().expect("a noun");
            let schema = &all.iter().find(|it| it.0 == noun).expect("a schema").1;
            let message = message_of(&kind).expect("a name");
            assert!(schema.index_of(&message).is_some(), "{kind}: no {message}");
        }
    }
}
