//! How much memory a file's messages take once they are decoded: a look at tags and lengths before any message is made.
//!
//! Two bytes of a file can stand for a node, which takes hundreds. Weights in bytes are not counted, since they are not copied.

use super::format_check::read_varint;
use super::message::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// Lists grow by doubling.
const GROWTH: u64 = 2;

/// The messages that hold others.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Function,
    Tensor,
}

/// What a length-delimited field is.
enum Field {
    /// A message that is looked into.
    Message(Kind),
    /// A message of few fields that are messages themselves: a type, an entry of metadata.
    Small,
    Numbers,
    Text,
    /// Stays where it is.
    Bytes,
}

impl Kind {
    fn size(self) -> u64 {
        let size = match self {
            Kind::Model => size_of::<ModelProto>(),
            Kind::Graph => size_of::<GraphProto>(),
            Kind::Node => size_of::<NodeProto>(),
            Kind::Attribute => size_of::<AttributeProto>(),
            Kind::Function => size_of::<FunctionProto>(),
            Kind::Tensor => size_of::<TensorProto>(),
        };
        size as u64 * GROWTH
    }

    /// The fields of the schema, by number.
    fn field(self, number: u64) -> Field {
        match (self, number) {
            (Kind::Model, 7) | (Kind::Attribute, 6 | 11) => Field::Message(Kind::Graph),
            (Kind::Model, 25) => Field::Message(Kind::Function),
            (Kind::Graph, 1) | (Kind::Function, 7) => Field::Message(Kind::Node),
            (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) => Field::Message(Kind::Tensor),
            (Kind::Node, 5) | (Kind::Function, 11) => Field::Message(Kind::Attribute),
            (Kind::Tensor, 1 | 4 | 5 | 7 | 10 | 11) | (Kind::Attribute, 7 | 8) => Field::Numbers,
            (Kind::Tensor, 6 | 9) | (Kind::Attribute, 4 | 9) => Field::Bytes,
            (Kind::Model, 8 | 14 | 20 | 26)
            | (Kind::Graph, 11..=16)
            | (Kind::Node, 9 | 10)
            | (Kind::Function, 9 | 12 | 14)
            | (Kind::Tensor, 3 | 13 | 16)
            | (Kind::Attribute, 14 | 15 | 22 | 23) => Field::Small,
            _ => Field::Text,
        }
    }
}

/// At least the bytes that decoding takes. A file that is cut or damaged is counted as far as it can be read.
pub(super) fn decoded_size(bytes: &[u8]) -> u64 {
    let mut total = Kind::Model.size();
    let mut open = vec![(Kind::Model, 0, bytes.len())];
    while let Some((kind, mut at, end)) = open.pop() {
        while at < end {
            let Ok(tag) = read_varint(bytes, &mut at) else { break };
            let length = match tag & 7 {
                0 => {
                    total = total.saturating_add(8 * GROWTH);
                    if read_varint(bytes, &mut at).is_err() {
                        break;
                    }
                    continue;
                }
                1 => 8,
                5 => 4,
                2 => match read_varint(bytes, &mut at) {
                    Ok(length) => length,
                    Err(()) => break,
                },
                _ => break,
            };
            let Some(field_end) = usize::try_from(length).ok().and_then(|length| at.checked_add(length)) else { break };
            if field_end > end {
                break;
            }
            let cost = match kind.field(tag >> 3) {
                _ if tag & 7 != 2 => 8 * GROWTH,
                Field::Message(inner) => {
                    open.push((inner, at, field_end));
                    inner.size()
                }
                // An entry of a list of such messages takes two bytes at least, and a few words in memory.
                Field::Small => length.saturating_mul(32).saturating_add(256),
                Field::Numbers => length.saturating_mul(8 * GROWTH),
                Field::Text => length.saturating_add(24 * GROWTH),
                Field::Bytes => 32 * GROWTH,
            };
            total = total.saturating_add(cost);
            at = field_end;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_of_many_messages_are_large() {
        let file = |graph: GraphProto| ModelProto { graph: Some(graph), ..Default::default() }.to_file_bytes();
        let nodes = GraphProto { node: vec![NodeProto::default(); 10_000], ..Default::default() };
        let bytes = file(nodes);
        assert!(bytes.len() < 30_000);
        assert!(decoded_size(&bytes) >= (10_000 * size_of::<NodeProto>()) as u64);
        let raw = TensorProto { raw_data: Some(vec![0; 1 << 20].into()), ..Default::default() };
        let weights = GraphProto { initializer: vec![raw], ..Default::default() };
        assert!(decoded_size(&file(weights)) < 1 << 14);
        for cut in 0..64 {
            assert!(decoded_size(&bytes[..cut]) < 1 << 20);
        }
    }
}
